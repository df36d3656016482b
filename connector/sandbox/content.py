"""The words of the sample company: an invented maker of invoicing software for craftspeople. Data only, no logic.

Names are invented and follow one style; nothing here may name a real person or company.
"""

from __future__ import annotations

COMPANY = "Pebblequill"
DOMAIN = "pebblequill.example"

# (e-mail name, full name); the order is that of the accounts in both stand-ins
PEOPLE = (
    ("alice", "Alice Moreau"),
    ("ben", "Ben Okafor"),
    ("chloe", "Chloe Lindqvist"),
    ("daniel", "Daniel Reyes"),
    ("elena", "Elena Petrova"),
    ("farid", "Farid Haddad"),
    ("gita", "Gita Raman"),
    ("hugo", "Hugo Steiner"),
    ("ines", "Ines Carvalho"),
    ("jonas", "Jonas Berg"),
)

ADMIN = "alice"  # whom the link of the sandbox signs in
GUEST = ("mara", "Mara Voss")  # a guest of the Notion workspace whom nobody here knows
MEMBERS = (("robin", "Robin Falk"), ("sasha", "Sasha Winter"))  # members of it who are nobody here yet

PROJECTS = (("GROW", "Growth"), ("PAY", "Payments"), ("PLAT", "Platform"))

# Twenty epics per project: (title, what its children are about).
EPICS: dict[str, tuple[tuple[str, str], ...]] = {
    "GROW": (
        ("Guided set-up: company profile", "company profile step"),
        ("Guided set-up: first customer", "first-customer step"),
        ("Guided set-up: first invoice", "first-invoice step"),
        ("Send button on the first screen", "send button"),
        ("Invoice templates that need no editing", "template picker"),
        ("Phone app: invoice from a photo", "photo import"),
        ("Phone app: offline drafts", "offline drafts"),
        ("Phone app: signature on the spot", "signature pad"),
        ("Welcome e-mails by trade", "welcome e-mails"),
        ("Trial that ends without surprises", "trial reminder"),
        ("Referral invites", "referral page"),
        ("Price page by crew size", "price page"),
        ("Help pages people find", "help search"),
        ("Import from spreadsheets", "spreadsheet import"),
        ("Crew roles and rights", "crew roles"),
        ("Sample data on day one", "sample data"),
        ("Sign-up without a password", "sign-in link"),
        ("Weekly summary for owners", "weekly summary"),
        ("Trade associations programme", "partner page"),
        ("Cancel and come back", "cancel form"),
    ),
    "PAY": (
        ("Payouts on the next working day", "payout run"),
        ("Bank partner certificate", "certificate request"),
        ("Payout status people understand", "payout status"),
        ("Reconciliation without spreadsheets", "reconciliation view"),
        ("Card retries at the right time", "card retry"),
        ("Clear reasons for refused cards", "refusal texts"),
        ("Pay by bank transfer code", "transfer code"),
        ("Instalments for large invoices", "instalment plan"),
        ("Reminders that keep the tone", "payment reminder"),
        ("Refund in two clicks", "refund form"),
        ("Fees shown before sending", "fee line"),
        ("Tax rules for neighbours", "tax rules"),
        ("Deposit before the work starts", "deposit request"),
        ("Tips for crews", "tip line"),
        ("Chargeback evidence", "evidence upload"),
        ("Ledger export for accountants", "ledger export"),
        ("Currency of the customer", "currency choice"),
        ("Fraud checks that explain themselves", "fraud check"),
        ("Direct debit mandates", "mandate form"),
        ("Receipts by text message", "text receipt"),
    ),
    "PLAT": (
        ("Accounts service: read path", "account reads"),
        ("Accounts service: write path", "account writes"),
        ("Accounts service: history moved", "history migration"),
        ("Accounts service: old code removed", "old accounts code"),
        ("Checkout under one second", "checkout page"),
        ("Images in the right size", "image service"),
        ("Queries that use their index", "slow queries"),
        ("Incident drill every month", "incident drill"),
        ("Alerts that somebody owns", "alert routing"),
        ("Deploy in ten minutes", "deploy pipeline"),
        ("Backups restored every week", "restore test"),
        ("Second region for crews abroad", "second region"),
        ("Audit trail for support", "audit trail"),
        ("Secrets rotated without downtime", "secret rotation"),
        ("Search that forgives typing", "search index"),
        ("Costs by feature", "cost report"),
        ("Public API limits", "rate limits"),
        ("Dependency updates by robot", "update robot"),
        ("Feature flags with an end date", "feature flags"),
        ("Status page that tells the truth", "status page"),
    ),
}

# One child each, in this order, so that early work is done first.
STEPS = (
    "Sketch the {} with two customers",
    "Agree what the {} must not do",
    "Write the words of the {}",
    "Build the first version of the {}",
    "Keyboard and screen reader: {}",
    "Errors of the {} say what to do",
    "Phone layout of the {}",
    "Measure use of the {}",
    "Translate the {}",
    "Undo in the {}",
    "Permissions of the {}",
    "Load test: {}",
    "Support notes for the {}",
    "Old data in the {}",
    "Security review of the {}",
    "Open the {} to ten customers",
    "Open the {} to everybody",
    "Tidy up after the {}",
)

SUBTASKS = ("Review", "Test with a crew", "Screenshots", "Changelog line")

CARD_FAILURES = (
    "Card refused after the third try in {}",
    "Payment page times out in {}",
    "Wrong expiry message in {}",
    "Double tap pays twice in {}",
)
PLACES = ("Lisbon", "Lyon", "Graz", "Bergen", "Cork", "Turin", "Ghent", "Malmo", "Porto", "Basel")
INCIDENTS = (
    "Invoices sent late",
    "Sign-in slow for an hour",
    "Photos missing on phones",
    "Wrong total on a receipt",
    "Search empty after deploy",
    "Payout list stale",
)

# Notion
TRADES = ("Plumbing", "Roofing", "Gardens", "Joinery", "Electrics", "Painting", "Tiling", "Heating")
SURNAMES = ("Moss", "Ferrer", "Albrecht", "Nowak", "Larsen", "Duarte", "Keller", "Horvat", "Byrne", "Salo")
SEGMENTS = ("Alone", "Crew of 2 to 5", "Crew of 6 and more")

OBJECTIVES = (
    ("onboarding", "New customers succeed in their first week"),
    ("payments", "Paying is the easiest part of an invoice"),
    ("platform", "Pebblequill is fast and holds no surprises"),
    ("mobile", "Invoicing works from a phone"),
)
