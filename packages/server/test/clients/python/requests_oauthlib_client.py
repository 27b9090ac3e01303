"""requests-oauthlib's session: one grant of the job on stdin, a refresh if it asks; what came goes to stdout as JSON."""

import json
import sys

from oauthlib.oauth2 import BackendApplicationClient, LegacyApplicationClient, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session


def run(job):
    person = "username" in job["parameters"]
    client = (LegacyApplicationClient if person else BackendApplicationClient)(client_id=job["client_id"])
    session = OAuth2Session(client=client, scope=job.get("scope"))
    secret = job["client_secret"]
    if job["method"] == "client_secret_basic":
        credentials = {"auth": HTTPBasicAuth(job["client_id"], secret)}
    elif secret is None:
        credentials = {"include_client_id": True}
    else:
        credentials = {"include_client_id": True, "client_secret": secret}
    parameters = {name: value for name, value in job["parameters"].items() if name != "grant_type"}
    done = {"token": dict(session.fetch_token(job["token_url"], **credentials, **parameters))}
    if "api_url" in job:
        done["api_status"] = session.get(job["api_url"]).status_code
    if job.get("refresh"):
        auth = credentials.get("auth")
        members = {} if auth else {"client_id": job["client_id"], **({} if secret is None else {"client_secret": secret})}
        done["refreshed"] = dict(session.refresh_token(job["token_url"], auth=auth, **members))
    return done


try:
    answer = run(json.load(sys.stdin))
except OAuth2Error as refusal:
    answer = {"error": refusal.error}
json.dump(answer, sys.stdout)
