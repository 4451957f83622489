"""Whether requests keep to Atlassian's OpenAPI description of Jira Service Management.

Run by a Python that has openapi-core: the description's path as argument, the requests as JSON on standard input
(method, path, query, headers, body in base64). Prints what is wrong, and ends with 1.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    import requests
    from openapi_core import Config, OpenAPI
    from openapi_core.contrib.requests import RequestsOpenAPIRequest

    document: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    document["servers"] = [{"url": "http://127.0.0.1"}]
    for calls in document["paths"].values():
        for call in calls.values():
            if isinstance(call, dict):
                call["security"] = [{"basicAuth": []}]
    # The description takes an upload for one text; it is a form with the file in it.
    upload = document["paths"]["/rest/servicedeskapi/servicedesk/{serviceDeskId}/attachTemporaryFile"]["post"]
    upload["requestBody"]["content"]["multipart/form-data"]["schema"] = {
        "type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}},
    }  # fmt: skip
    api = OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))
    faults = set()
    for method, path, query, headers, body in json.load(sys.stdin):
        asked = requests.Request(method, "http://127.0.0.1" + path, params=query, headers=headers,
                                 data=base64.b64decode(body))  # fmt: skip
        try:
            api.validate_request(RequestsOpenAPIRequest(asked))
        except Exception as error:
            cause = error.__cause__ or error
            words = [str(one.message) for one in getattr(cause, "schema_errors", ())] or [str(cause)]
            faults.add(f"{method} {path}: {error}: {'; '.join(words)}")
    print("\n".join(sorted(faults)))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
