"""The sentences behind the codes of notices: English, with their values apart, as the errors keep theirs."""

from __future__ import annotations

from uploader.sxcu.definition import Notice
from uploader.sxcu.fault import SxcuFault

SENTENCES: dict[str, str] = {
    # why it is not accepted
    "no_address": "the address in RequestURL is not complete; put the address of your server there",
    "not_for_files": "it is made for {destinations}, not for files",
    "no_file_field": "it sends no file: FileFormName is missing",
    "no_body": "it sends no file: its requests have no body",
    "body_without_file": "it sends no file: its body is {body}",
    "method_without_file": "it sends no file: {method} carries none",
    "method": "its method “{method}” is not one that uploaders have",
    "body": "its body “{body}” is not one that uploaders have",
    "header_name": "“{name}” cannot be the name of a header",
    "asks": "{field} asks a question at each upload, which nobody can answer in the background",
    "result_no_address": "what it gives back is no web address",
    "field": "{field}: {why}",
    # why it is not accepted, unless it is allowed
    "plain_http": "{host} is reached without encryption (http); anybody on the way can read file and secrets",
    "private_address": "{host} lies in a private network",
    "metadata_address": "{host} is where clouds keep the credentials of a machine",
    # what to know
    "credentials_in_url": "the address of {host} holds a name and a password",
    "hosts_drawn": "one of {count} hosts is drawn at each upload",
    "not_all_files": "it is made for {destinations}; the service may refuse other files",
    "old_version": "the file is of an old version; ShareX itself reads it no more",
    "old_syntax": "it is written in the older words ($…$)",
    "body_guessed": "it does not say how the file is sent; as a form is taken",
    "destination": "it names a destination that is not known: {destination}",
    "placeholder": "{field} looks as if something of your own must be put there",
    "sends_user": "it sends the name of the user",
    "sends_computer": "it sends the name of this computer",
    "input_empty": "{field} asks for a text, which a file has not",
    "asks_with_answer": "{field} asks at each upload; here the first answer is taken",
    "other_host": "the file goes to one host and the link leads to another: {host}",
    "result_plain_http": "the link to {host} is not encrypted (http)",
    "deletion_other_host": "the address that deletes the file leads to another host ({host}) and is not kept",
    "deletion_by_get": "whoever opens its deletion address deletes the file; it is kept apart from the link",
}
"""Code → sentence."""


def fault_of(notice: Notice) -> SxcuFault:
    """The notice as an error."""
    values = dict(notice.values)
    if notice.code == "field":
        values["why"] = values["why"].format(**values)
    return SxcuFault(SENTENCES[notice.code], **values)
