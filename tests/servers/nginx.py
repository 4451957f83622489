"""nginx with its two DAV modules: PUT, MKCOL, MOVE, COPY, DELETE, PROPFIND; answers 501 to a PUT of a range."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from tests.servers.process import NotInstalled, Process, find_program, free_port
from tests.servers.webdav import PASSWORD, USER, WebdavServer

MODULE = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")

# One process, so that nothing is left when it is killed; a client may send 3 GB.
CONFIGURATION = """
load_module {module};
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off; client_max_body_size 0; default_type application/octet-stream;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        location /dav/ {{
            auth_basic "dav"; auth_basic_user_file {folder}/users;
            dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS; min_delete_depth 0;
        }}
        location /get/ {{ alias {folder}/files/dav/; limit_except GET {{ deny all; }} }}
    }}
}}
"""


def start_nginx(folder: Path) -> WebdavServer:
    """Raises: NotInstalled."""
    program = find_program("nginx")
    if not MODULE.exists():
        raise NotInstalled(MODULE.stem)
    port, files = free_port(), folder / "files/dav"
    files.mkdir(parents=True)
    hashed = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()  # plain ones hold no colon
    (folder / "users").write_text(f"{USER}:{{SHA}}{hashed}\n", "utf-8")
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, module=MODULE), "utf-8")
    process = Process([program, "-p", folder, "-e", folder / "error.log", "-c", configuration], folder, port)
    return WebdavServer(f"http://127.0.0.1:{port}/dav", f"http://127.0.0.1:{port}/get", files, process)
