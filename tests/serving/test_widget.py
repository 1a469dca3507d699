"""The widget's script, and who may ask from a page of another origin."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from features.errors import ConfigError
from serving.app import create_app, open_service
from serving.settings import Settings, settings_from
from tests.serving.conftest import Trained

CRM, OTHER = "https://crm.example", "https://else.example"


@pytest.fixture(scope="module")
def crossing(trained: Trained) -> TestClient:
    settings = Settings(bundles=trained.bundles, data=trained.crm, cors_origins=(CRM,))
    return TestClient(create_app(open_service(settings)), raise_server_exceptions=False)


def test_the_script_is_sent_to_every_page_and_not_again_while_it_is_the_same(client: TestClient) -> None:
    first = client.get("/widget/deal-score.js", headers={"origin": OTHER})
    assert first.headers["content-type"].startswith("text/javascript")
    assert first.headers["access-control-allow-origin"] == "*"
    again = client.get("/widget/deal-score.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = client.get("/widget/deal-score.js", headers={"accept-encoding": "identity"})
    assert plain.content == first.content


def test_only_pages_of_named_origins_may_read_answers_errors_too(
    crossing: TestClient, trained: Trained
) -> None:
    deal = trained.data["opportunities"]["opportunity_id"][0]
    for path, status in ((f"/v1/opportunities/{deal}/score", 200), ("/v1/opportunities/nobody/score", 404)):
        named = crossing.get(path, headers={"origin": CRM})
        assert (named.status_code, named.headers["access-control-allow-origin"]) == (status, CRM)
        other = crossing.get(path, headers={"origin": OTHER})
        assert "access-control-allow-origin" not in other.headers


def test_a_browser_s_question_before_a_post_is_answered_for_named_origins(crossing: TestClient) -> None:
    ask = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    path = "/v1/opportunities/x/what-if"
    assert crossing.options(path, headers={"origin": CRM, **ask}).status_code == 200
    assert crossing.options(path, headers={"origin": OTHER, **ask}).status_code == 400


def test_a_page_of_a_foreign_server_sends_nothing_and_everybody_else_does(crossing: TestClient) -> None:
    def status(**headers: str) -> int:
        return crossing.post("/v1/scores", content=b"no json", headers=headers).status_code

    refused = crossing.post("/v1/records", content=b"{}", headers={"origin": OTHER})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:dealcast:problem:foreign-origin")
    assert status(origin="null") == 403
    assert status() == status(origin=CRM) == status(origin="http://testserver") == 400
    assert crossing.get("/health/live", headers={"origin": OTHER}).status_code == 200


def test_without_named_origins_nobody_crosses(client: TestClient, trained: Trained) -> None:
    deal = trained.data["opportunities"]["opportunity_id"][0]
    answer = client.get(f"/v1/opportunities/{deal}/score", headers={"origin": CRM})
    assert "access-control-allow-origin" not in answer.headers


def test_origins_are_read_with_commas_between_them() -> None:
    assert settings_from({}).cors_origins == ()
    both = f"{CRM}, http://10.0.0.1:8080 "
    assert settings_from({"DEALCAST_CORS_ORIGINS": both}).cors_origins == (CRM, "http://10.0.0.1:8080")


@pytest.mark.parametrize("wrong", ["*", "crm.example", "https://crm.example/", "ftp://crm.example", "null"])
def test_what_is_no_origin_is_refused_with_an_example(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"such as https://crm\.example"):
        settings_from({"DEALCAST_CORS_ORIGINS": wrong})
