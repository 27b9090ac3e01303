#!/bin/sh
# Three of the demo's providers by hand: ask for a token as the provider's page says, then call the guarded API with it.
# With the demo running (`npm start`): sh examples/curl.sh
set -eu
origin=${DEMO_ORIGIN:-http://127.0.0.1:8080}
member() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
call() { printf '%-14s' "$1"; shift; curl -fsS -o /dev/null -w '%{http_code}\n' "$@"; }

# Willba: a form, and the token as a bearer.
token=$(curl -fsS "$origin/realms/willba/protocol/openid-connect/token" \
  -d client_id=YOUR_CLIENT_ID -d client_secret=YOUR_CLIENT_SECRET -d grant_type=client_credentials | member access_token)
call willba "$origin/apis/willba/some-endpoint" -H "Authorization: Bearer $token"

# Wych: an API key beside the token, in a header spelled the British way.
token=$(curl -fsS "$origin/realms/partner/protocol/openid-connect/token" \
  -d client_id=client_123456789 -d client_secret=supxxxxxxxxret -d grant_type=client_credentials | member access_token)
call partner "$origin/apis/partner/accounts" -H 'x-api-key: demo-wych-api-key' -H "authorisation: bearer $token"

# WebCommander: JSON, a user and password in auth_string, and a header of its own.
token=$(curl -fsS "$origin/realms/webcommander/api/v4/oauth2/token" -H 'Content-Type: application/json' -d '{
  "grant_type": "client_credentials",
  "auth_string": "bmV3d2M3QG15d2ViY29tbWFuZGVyLmNvbTpuZXd3YzdAbXl3ZWJjb21tYW5kZXIuY29t",
  "redirect_uri": "https://api.webcommander.com/oauth-callback",
  "client_id": "f6681a45ad483e3c0a37016561d5b8be",
  "client_secret": "14e72a77d9125429b0c514010ddb0e46"
}' | member access_token)
call webcommander "$origin/apis/webcommander/some-endpoint" -H "access_token: $token"
