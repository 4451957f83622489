"""All desks and shares, written by hand: the list is the documentation.

Each entry names where the adapter lives; it is imported when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from uploader.errors import InvalidField
from uploader.ticket import Desk, Share

DESKS: dict[str, str] = {
    "django-helpdesk": "uploader.desks.django_helpdesk:DjangoHelpdesk",
    "email": "uploader.desks.email:MailDesk",
    "folder": "uploader.desks.folder:FolderDesk",
    "freshdesk": "uploader.desks.freshdesk:Freshdesk",
    "freescout": "uploader.desks.freescout:FreeScout",
    "github": "uploader.desks.github:GitHub",
    "gitlab": "uploader.desks.gitlab:GitLab",
    "glpi": "uploader.desks.glpi:Glpi",
    "jira": "uploader.desks.jira:JiraServiceManagement",
    "osticket": "uploader.desks.osticket:OsTicket",
    "redmine": "uploader.desks.redmine:Redmine",
    "roundup": "uploader.desks.roundup:Roundup",
    "rt": "uploader.desks.rt:RequestTracker",
    "salesforce": "uploader.desks.salesforce:Salesforce",
    "servicenow": "uploader.desks.servicenow:ServiceNow",
    "xmpp": "uploader.desks.xmpp:XmppDesk",
    "zammad": "uploader.desks.zammad:Zammad",
    "zendesk": "uploader.desks.zendesk:Zendesk",
    "znuny": "uploader.desks.znuny:Znuny",
    "webform": "uploader.desks.webform:WebFormDesk",  # last: any page with a form is one
}
SHARES: dict[str, str] = {
    "azure": "uploader.shares.azure:Azure",
    "broker": "uploader.shares.broker:Broker",
    "dropbox": "uploader.shares.dropbox:Dropbox",
    "folder": "uploader.shares.folder:FolderShare",
    "gcs": "uploader.shares.gcs:GoogleCloud",
    "gdrive": "uploader.shares.gdrive:GoogleDrive",
    "nextcloud": "uploader.shares.nextcloud:Nextcloud",
    "onedrive": "uploader.shares.onedrive:OneDrive",
    "paste": "uploader.shares.paste:Paste",
    "s3": "uploader.shares.s3:S3",
    "sftp": "uploader.shares.sftp:Sftp",
    "sxcu": "uploader.shares.sxcu:Sxcu",
    "tus": "uploader.shares.tus:Tus",
    "webdav": "uploader.shares.webdav:WebDav",
}


def desk_kind(kind: str) -> type[Desk]:
    """The adapter's class. Raises: InvalidField naming the kinds there are."""
    found: type[Desk] = _load(DESKS, kind)
    return found


def share_kind(kind: str) -> type[Share]:
    found: type[Share] = _load(SHARES, kind)
    return found


def _load(listed: dict[str, str], kind: str) -> Any:
    if kind not in listed:
        raise InvalidField(
            "kind", "there is no kind “{kind}” yet; there is {known}", kind=kind, known=", ".join(listed)
        )
    module, _, name = listed[kind].partition(":")
    return getattr(import_module(module), name)
