# SPDX-License-Identifier: Apache-2.0
"""
OpenID Connect providers that ask for no password: whoever clicks a name is logged in.

    python provider.py PORT

Each first segment of a path is an issuer of its own, so one process plays several.
"""

from __future__ import annotations

import json
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

HOST: Final = "localhost"
NAMES: Final = ("Ada", "Bob")
LASTS_S: Final = 600
KEY: Final = RSAKey.generate_key(2048, {"kid": "test", "use": "sig", "alg": "RS256"})


def issuer(request: Request) -> str:
    """Return the issuer that a request is for."""
    return f"http://{request.url.netloc}/{request.path_params['issuer']}"


async def discovery(request: Request) -> Response:
    """Say where everything is."""
    own = issuer(request)
    return JSONResponse(
        {
            "issuer": own,
            "authorization_endpoint": f"{own}/authorize",
            "token_endpoint": f"{own}/token",
            "jwks_uri": f"{own}/keys",
            "end_session_endpoint": f"{own}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
    )


async def authorize(request: Request) -> Response:
    """Ask who it is: a page of this origin, so the way back begins at another site."""
    asked = request.query_params
    links = []
    for name in NAMES:
        known = {"name": name, "nonce": asked["nonce"], "client": asked["client_id"]}
        code = urlsafe_b64encode(json.dumps(known).encode()).decode()
        answer = urlencode({"code": code, "state": asked["state"]})
        links.append(f'<p><a href="{asked["redirect_uri"]}?{answer}">{name}</a></p>')
    return HTMLResponse("".join(links))


async def token(request: Request) -> Response:
    """Trade a code, which holds all that is known, for a signed statement about the user."""
    form = await request.form()
    known: dict[str, Any] = json.loads(urlsafe_b64decode(str(form["code"])))
    now = int(time.time())
    claims = {
        "iss": issuer(request),
        "sub": known["name"].lower(),
        "aud": known["client"],
        "iat": now,
        "exp": now + LASTS_S,
        "nonce": known["nonce"],
        "name": known["name"],
    }
    signed = jwt.encode({"alg": "RS256", "kid": "test"}, claims, KEY)
    lasting = {"token_type": "Bearer", "expires_in": LASTS_S}
    return JSONResponse({"access_token": "of no use", "id_token": signed, **lasting})


async def keys(_: Request) -> Response:
    """Say what statements are signed with."""
    return JSONResponse({"keys": [KEY.as_dict(private=False)]})


async def logout(request: Request) -> Response:
    """End nothing: who comes back has to choose a name again anyway."""
    return RedirectResponse(request.query_params["post_logout_redirect_uri"])


APP: Final = Starlette(
    routes=[
        Route("/{issuer}/.well-known/openid-configuration", discovery),
        Route("/{issuer}/authorize", authorize),
        Route("/{issuer}/token", token, methods=["POST"]),
        Route("/{issuer}/keys", keys),
        Route("/{issuer}/logout", logout),
    ]
)

if __name__ == "__main__":
    uvicorn.run(APP, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
