"""Authlib's session: one grant of the job on stdin, a refresh and a revocation if it asks; what came goes to stdout as JSON."""

import json
import sys

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session


def run(job):
    session = OAuth2Session(
        job["client_id"],
        job["client_secret"],
        token_endpoint_auth_method=job["method"],
        scope=job.get("scope"),
    )
    done = {"token": session.fetch_token(job["token_url"], **job["parameters"])}
    if "api_url" in job:
        done["api_status"] = session.get(job["api_url"]).status_code
    if "introspection_url" in job:
        done["introspection"] = session.introspect_token(job["introspection_url"], token=done["token"]["access_token"]).json()
    if job.get("refresh"):
        done["refreshed"] = session.refresh_token(job["token_url"])
    if "revocation_url" in job:
        held = (done.get("refreshed") or done["token"])
        kind = "refresh_token" if "refresh_token" in held else "access_token"
        done["revocation_status"] = session.revoke_token(job["revocation_url"], token=held[kind], token_type_hint=kind).status_code
        if "api_url" in job:
            done["api_status_after"] = session.get(job["api_url"]).status_code
    return done


try:
    answer = run(json.load(sys.stdin))
except OAuthError as refusal:
    answer = {"error": refusal.error}
json.dump(answer, sys.stdout)
