"""The words that ``titles`` and ``quality`` know: activities, vague words, names of numbers, other languages. Data only."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- activities ----------------------------------------------------------------------------------------------------------------

ACTIVITY_VERBS = _words(
    """
    analyse analyze arrange assemble assess attend automate begin build call carry collect communicate compile complete conduct configure
    consolidate create customise customize define deliver demo deploy design develop digitise digitize discuss document draft establish
    evaluate execute explore finalise finalize finish formulate gather hire hold host identify implement install integrate interview
    introduce investigate kick launch make map migrate modernise modernize onboard organise organize participate perform pilot plan
    prepare present produce prototype provide publish recruit redesign refactor refine release relaunch rebuild replace research review
    rewrite roll run schedule send set ship standardise standardize start survey test train translate update upgrade visit work write
    """
)
"""Base forms that name what is done, not what changes."""

NOUN_TOO = _words(
    """
    begin build call complete demo design document draft hold host interview launch make map pilot plan present produce prototype release
    relaunch research review roll run schedule set ship start survey test train update upgrade visit work
    """
)
"""Activity verbs that may also be a noun or an adjective before a noun ("build time", "complete profiles"); the words after them decide."""

PAST_FORMS = _words(
    """
    analysed analyzed arranged assembled assessed attended automated began begun built carried collected compiled completed conducted
    configured consolidated created customised customized defined delivered deployed designed developed digitised digitized discussed
    documented drafted established evaluated executed explored finalised finalized finished gathered held hired hosted identified
    implemented installed integrated interviewed introduced investigated kicked launched made mapped migrated modernised modernized
    onboarded organised organized performed piloted planned prepared presented produced prototyped provided published recruited
    redesigned refactored refined released relaunched rebuilt replaced researched reviewed rewritten rewrote rolled ran scheduled sent
    shipped standardised standardized started surveyed tested trained translated updated upgraded visited worked written wrote
    """
)

GERUNDS = _words(
    """
    analysing analyzing arranging assembling assessing attending automating beginning building calling carrying collecting compiling
    completing conducting configuring consolidating creating customising customizing defining delivering deploying designing developing
    digitising digitizing discussing documenting drafting establishing evaluating executing exploring finalising finalizing finishing
    gathering hiring holding hosting identifying implementing installing integrating interviewing introducing investigating kicking
    launching making mapping meeting migrating modernising modernizing onboarding organising organizing performing piloting planning
    preparing presenting producing prototyping providing publishing recruiting redesigning refactoring refining releasing relaunching
    rebuilding replacing researching reviewing rewriting rolling running scheduling sending setting shipping standardising standardizing
    starting surveying testing training translating updating upgrading visiting working writing
    """
)

LEAD_INS = ("we will", "we want to", "our team will", "the team will", "team will", "will", "to", "successfully", "fully", "and")
"""Words that may stand before the first one that counts."""

OUTPUT_MEASURES = frozenset({"done_count", "done_share", "points_done", "points_share", "credit_share", "checked_share", "count of done"})
"""Measures that say how much work is done."""

# --- numbers -------------------------------------------------------------------------------------------------------------------

METRIC_NOUNS = _words(
    """
    accidents accuracy activations active adherence adoption age amount arpu arr attendance attrition availability average backlog
    balance bookings budget bugs cash churn click clicks complaints completion conversion conversions cost costs count coverage
    crashes csat customers cycle date days defects delay delays demand density deviation downloads downtime duration earnings effort
    emissions enps errors escalations expense expenses failures faults footprint fraction frequency gap growth hours incidents
    income index installs interruptions inventory kpi lag latencies latency length level levels load logins loss losses ltv margin
    mau mentions minutes months mrr mttr nps number occupancy opens orders outages overruns participation payback penetration
    percent percentage performance position premium price productivity profit profits punctuality purchases quality quantity queue
    quota rank ranking rate rates rating ratings ratio readers recall referrals refunds registrations rejections reliability
    renewals reopens replies requests responses retention returns revenue roas roi rollbacks sales satisfaction savings score scores
    seconds share sign-ups signups size sla speed spend stability stock subscribers subscriptions success throughput tickets time
    times total traffic turnaround turnover uptime usage users utilisation utilization value variance velocity views visitors volume
    wait wau weeks wins yield
    """
)
"""Names of things that are counted or measured: before a range they make the words in front of them a noun."""

MEASURED_STATES = _words("awareness capacity engagement experience health loyalty maturity morale trust wellbeing well-being")
"""What can be measured too, but can also be built or run: "build awareness" is an activity, "awareness from 20 to 30 %" is not."""

NOUN_PHRASES = ("work in progress", "call to action", "set of", "run of", "build to print", "visit to")
"""Beginnings that look like an activity and are none."""

COUNT_WORDS = _words("zero one two three four five six seven eight nine ten eleven twelve")

NAME_BEFORE_NUMBER = _words(
    """
    android article chapter class gate generation http ies iec ios iso java level milestone part pci phase python q rfc series soc
    sprint stage step tier v version wave wcag web windows
    """
)
"""A number after one of these is part of a name: "ISO 27001", "phase 2"."""

MONTHS = _words(
    """
    january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec
    """
)

# --- vague words ---------------------------------------------------------------------------------------------------------------

ALWAYS_VAGUE = (
    "various", "several", "numerous", "etc", "et cetera", "and so on", "and more", "and others", "as needed", "as required",
    "as appropriate", "as necessary", "if needed", "if possible", "where possible", "when possible", "as much as possible",
    "as soon as possible", "asap", "world-class", "world class", "best-in-class", "best in class", "best of breed", "state-of-the-art",
    "state of the art", "cutting-edge", "cutting edge", "next-generation", "next-gen", "industry-leading", "industry leading",
    "significant", "significantly", "substantial", "substantially", "drastically", "dramatically", "considerably", "noticeably",
    "somewhat", "a lot", "stuff", "synergy", "synergies", "holistic", "seamless", "seamlessly", "robust", "user-friendly",
    "user friendly", "high-quality", "high quality", "adequate", "adequately", "sufficient", "sufficiently", "appropriate",
    "appropriately", "continue to", "keep improving", "relevant stakeholders", "key stakeholders", "tbd", "tbc",
)  # fmt: skip
"""Words that say nothing that can be checked, whatever stands around them."""

VAGUE_WITHOUT_NUMBER = (
    "improve", "improved", "improving", "improvement", "improvements", "better", "best", "optimise", "optimize", "optimised",
    "optimized", "optimising", "optimizing", "optimisation", "optimization", "enhance", "enhanced", "enhancing", "enhancement",
    "strengthen", "strengthening", "boost", "boosting", "streamline", "streamlining", "leverage", "leveraging", "foster", "fostering",
    "drive", "enable", "enabling", "empower", "empowering", "facilitate", "facilitating", "promote", "maximise", "maximize", "minimise",
    "minimize", "more", "less", "faster", "easier", "simpler", "smoother", "stronger",
    "efficient", "efficiently", "efficiency", "effective", "effectively", "effectiveness", "excellent", "excellence", "great", "good",
    "nice", "successful", "modern", "innovative", "scalable", "proactive", "proactively", "ensure", "help", "many", "some",
)  # fmt: skip
"""Words that need a number beside them: "improve activation from 41 % to 60 %" names what changes, "improve activation" does not."""

DIRECTIONS = ("increase", "increasing", "reduce", "reducing", "decrease", "decreasing", "grow", "growing", "raise", "lower", "cut", "lift")
"""Words that ask from where to where."""

DONE_WORDS = _words(
    """
    available bought built compliant done found gone held in-house live made met operational public ready sent set shut sold won written
    """
)
"""States, beside forms in "-ed", by which anybody sees that something is done."""

# --- languages -----------------------------------------------------------------------------------------------------------------

ENGLISH = _words(
    """
    a about above across after all an and any are as at be been before below between both by can customer customers cut daily day do
    does during each employee employees every fewer first for from grow has have in into is it its keep least less monthly more most
    net new no not of off office on onto open or our out over paid partner partners per product quarter reach region share sign
    signed store stores support than that the their them this through to under until up us use was we week weekly were what when
    where which who will win with within without won year zero
    """
)
"""Small and everyday words: they show that a title is English, and name nothing by themselves."""
OTHER_LANGUAGES = _words(
    """
    aan af alla alle als antal att au auf aus av avec aux bei beim bis ble bli blir da dans das de del dei della delle dem den der des det
    die dos du durch een ein eine einem einen einer eller el en entre er es est et etter ett eu fino fra från för für gli ha hacia
    hasta het hos icke ikke il im immer inte jusqu je kein la las le les los mais med mehr mejor mensen mit más na nach naar não
    ne nej nicht niet nos noen nya nye nytt når o och oder og ohne om op ou para pas plus por pour på que qui sans se sem sich sin
    sind sobre som sur tegen ti til tot um un una und uno ved vid viel von vor voor wie wir ze zij zu zum zur zwischen över
    augmenter améliorer réduire lancer aumentar reducir mejorar lanzar aumentare ridurre migliorare diminuir reduzir melhorar lançar erhöhen
    steigern senken reduzieren verbessern verkürzen einführen verdoppeln øke redusere senke forbedre lansere bygge innføre öka minska
    förbättra lansera bygga verhogen verlagen verbeteren verdubbelen
    """
)
"""Small words of the languages that meet English in Europe's offices; one that is also an English word does not belong here."""
