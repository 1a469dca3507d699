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
})();
