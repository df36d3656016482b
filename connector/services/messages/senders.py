"""The parts of apprise that are used, imported without the warning that one of its modules causes on Python 3.11 and 3.12."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it looks for ``imghdr``, which later versions of Python do not have
    from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat
    from apprise.exception import AppriseException
    from apprise.plugins.email import NotifyEmail
    from apprise.plugins.email.smtp import AppriseSMTPController

__all__ = ["Apprise", "AppriseAsset", "AppriseException", "AppriseSMTPController", "NotifyBase", "NotifyEmail", "NotifyFormat"]
