// What a page does more than it must: a switch of the theme, forms that answer at once.
(() => {
  "use strict";
  const root = document.documentElement;
  const button = document.querySelector("button.theme");
  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  if (button) {
    const base = button.getAttribute("aria-label");
    const tell = () => button.setAttribute("aria-label", `${base}: ${dark() ? button.dataset.dark : button.dataset.light}`);
    button.hidden = false;
    tell();
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      document.cookie = `dealcast_theme=${root.dataset.theme};path=/;max-age=31536000;samesite=lax`;
      tell();
    });
  }
  for (const form of document.querySelectorAll("form[data-auto]")) {
    // By keyboard a list is walked through choice by choice, and only the button sends.
    let pointed = false;
    form.addEventListener("pointerdown", () => { pointed = true; });
    form.addEventListener("keydown", () => { pointed = false; });
    form.addEventListener("change", () => { if (pointed) form.requestSubmit(); });
    // What is not chosen stays out of the address.
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
    });
  }

  // What takes a while is a page of its own, and stands here as soon as it has come.
  for (const link of document.querySelectorAll("a[data-part]")) {
    const place = link.parentElement;
    const words = link.textContent;
    link.textContent = link.dataset.loading;
    fetch(link.href, { headers: { accept: "text/html", "accept-language": root.lang } })
      .then((answer) => answer.ok ? answer.text() : Promise.reject(answer.status))
      .then((html) => {
        const part = new DOMParser().parseFromString(html, "text/html").getElementById(link.dataset.part);
        place.replaceWith(...part.childNodes);
      })
      .catch(() => { link.textContent = words; });
  }

  // Parts that stand one below the other are shown one at a time; on paper they all are.
  for (const parts of document.querySelectorAll("[data-tabs]")) {
    const panels = [...parts.querySelectorAll("[data-tab]")];
    if (panels.length < 2) continue;
    const list = document.createElement("div");
    list.className = "tabs";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", parts.dataset.tabs);
    const tabs = panels.map((panel) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.id = `tab-${panel.id}`;
      tab.textContent = panel.dataset.tab;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      list.append(tab);
      return tab;
    });
    const show = (chosen) => tabs.forEach((tab, place) => {
      tab.setAttribute("aria-selected", String(place === chosen));
      tab.tabIndex = place === chosen ? 0 : -1;
      panels[place].hidden = place !== chosen;
    });
    const named = () => Math.max(0, panels.findIndex((panel) => `#${panel.id}` === location.hash));
    list.addEventListener("click", (event) => {
      const place = tabs.indexOf(event.target);
      if (place >= 0) show(place);
    });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const place = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
      show(place);
      tabs[place].focus();
    });
    addEventListener("hashchange", () => show(named()));
    parts.prepend(list);
    show(named());
  }
})();
