"""Titles labelled by hand. Lists first, so that a new example is one line."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import titles
from connector.domain.quality import is_output

OUTPUTS = [
    "Launch the new portal",
    "Build a data warehouse",
    "Ship version 2.0 of the mobile app",
    "Deliver five training sessions",
    "Implement single sign-on",
    "Write the security handbook",
    "Create a partner programme",
    "Migrate 40 services to the new platform",
    "Organise two customer days",
    "Hold 20 customer interviews",
    "Held customer interviews",
    "Released feature phase one",
    "Run 3 pilots in Norway",
    "Complete the migration",
    "Complete migration to the new billing system",
    "Finish onboarding redesign",
    "Launching a newsletter for customers",
    "Building the mobile app",
    "Hire 5 engineers",
    "Train 40 managers",
    "Set up a status page",
    "Roll out the new CRM to all offices",
    "We will launch the referral programme",
    "KR1: Launch referral programme",
    "1. Publish 4 articles per week",
    "[kr-7] Design new checkout",
    "“Redesign the checkout”",
    "Test all backups",
    "Conduct a survey",
    "Successfully implement OKRs",
    "Launch sales portal",
    "Run training sessions for partners",
    "Publish the annual report",
    "Prepare audit for ISO 27001",
    "Shipped the new app",
    "Introduce weekly reviews",
    "Kick off the beta programme",
    "Launch a new marketing campaign to boost customer acquisition by 15%",
    "Release v3 in Q4",
    "Document the API",
    "Develop a pricing strategy",
    "Create 10 new case studies",
    "Automate invoice processing",
    "Start a podcast",
    "Define the target architecture",
    "Map the customer journey",
    "Draft the security policy by 31 March",
    "Interview 15 churned customers",
    "Replace the legacy payment gateway",
    "Research three new markets",
    "Pilot the new shift plan in two stores",
    "Deploy Kubernetes in production",
    "Update documentation",
    "Build awareness of our brand",
    "Make a list of suppliers",
    "Visit 10 partners",
    "Finalise the contract with Acme",
    "Documented onboarding process",
    "Launched in Sweden",
    "Onboarding 3 new partners",
    "Launch MVP",
    "Run A/B tests on pricing page",
    "Review all contracts",
    "Schedule quarterly business reviews",
    "Call 100 leads",
    "Hold weekly stand-ups",
    "To launch the mobile app by June",
    "Design and build the loyalty programme",
]
RESULTS = [
    "Launches per week from 2 to 5",
    "Run rate from 3 to 5 M",
    "Build time from 20 to 5 minutes",
    "Build minutes per merge from 20 to 5",
    "Delivery time from 6 to 2 days",
    "Support tickets per week below 40",
    "Releases per month from 1 to 4",
    "Test coverage from 40 % to 70 %",
    "Test coverage",
    "Onboarding time from 14 to 5 days",
    "Onboarding drop-off from 40 to 20 %",
    "Shipping cost per order from 5 to 3 €",
    "Hiring time from 60 to 30 days",
    "Complete profiles from 20 % to 60 %",
    "Completed orders per week from 100 to 200",
    "Hold gross margin above 40 %",
    "Hold 95 % availability",
    "Work in progress below 5 items",
    "Review turnaround time from 3 days to 8 hours",
    "Design system adoption from 20 to 60 %",
    "Plan accuracy from 60 to 85 %",
    "Increase customer survey scores by 10%",
    "Reduce customer support response time by 20%",
    "Increase customer satisfaction ratings from 80% to 90%",
    "Weekly active sign-ups from 400 to 900",
    "Guided set-up shipped",
    "Start-ups on the free plan from 20 to 80",
    "Set-up time below 10 minutes",
    "Release defects below 5",
    "Deployment frequency from weekly to daily",
    "Churn from 2.4 to 1.8 %",
    "NPS from 20 to 40",
    "Market share in Norway from 8 to 12 %",
    "Running costs from 3 to 2 M",
    "Meeting hours per person below 8",
    "Training completion from 50 to 95 %",
    "Building permits issued per month from 4 to 10",
    "Marketing qualified leads from 50 to 120",
    "Audit findings from 12 to 0",
    "Crash-free sessions at least 99.5 %",
    "Make onboarding faster from 14 to 5 days",
    "Sales cycle from 90 to 60 days",
    "Shipped orders per day from 100 to 200",
    "Updated records from 60 to 95 %",
    "Net revenue retention from 98 % to 108 %",
    "Working capital from 12 to 9 M",
    "Call answer rate above 90 %",
    "Launch readiness score from 60 to 90",
    "Starting salary gap between women and men below 2 %",
    "Set-up calls per customer from 3 to 1",
    "Test flakiness below 1 %",
    "Release notes read by 40 % of customers",
    "Report delivery on time from 80 to 98 %",
    "Draft contracts older than 30 days from 25 to 0",
    "Survey response rate from 30 to 55 %",
    "Visit-to-trial conversion from 2 to 4 %",
    "Training hours per employee from 4 to 12",
    "Shipping errors below 0.5 %",
    "Research papers cited at least 50 times",
    "Published articles with over 1,000 readers from 2 to 10",
    "Interview-to-offer ratio from 10:1 to 5:1",
    "Open critical bugs from 30 to 5",
    "Average rating from 4.1 to 4.6",
    "Share of revenue from new products above 20 %",
    "Cut p95 latency from 900 ms to 300 ms",
    "Grow MRR from $2M to $3M",
    "Win 12 enterprise customers",
    "Sign 20 partners",
    "Reach 10,000 weekly users",
    "Customers say support is “good” or better: 60 % to 80 %",
    "Employee engagement score 7.5 to 8.2",
    "Zero critical incidents",
    "Start-to-finish time of an order below 2 days",
    "Building energy use from 200 to 150 kWh per m2",
    "Run time of nightly job below 30 minutes",
    "Build success rate at least 95 %",
    "Planned maintenance share from 30 to 60 %",
    "Meeting-free days per week from 0 to 2",
    "Design debt items from 80 to 20",
    "Managed services revenue up to 5 M",
    "Automated test share from 20 to 60 %",
    "Integrated partners from 3 to 10",
    "Written complaints from 40 to 10 a month",
]
OTHER_LANGUAGES = [
    "Øke konvertering fra 2 til 5 %",
    "Kundenzufriedenheit von 70 auf 85 % steigern",
    "Neues Portal launchen",
    "Réduire le taux de désabonnement de 5 à 3 %",
    "Aumentar las ventas de 10 a 20",
    "Bygge ny portal",
    "顧客満足度を80から90に",
    "Увеличить выручку с 3 до 5 млн",
    "Verlagen van kosten met 10 %",
    "Antall aktive brukere fra 400 til 900",
    "Launch der neuen App im Oktober",
    "Release des neuen Portals",
    "Kostnader ned fra 5 til 3",
    "Lansere ny nettside",
]


@pytest.mark.parametrize("title", OUTPUTS)
def test_titles_that_begin_with_an_activity(title: str) -> None:
    assert is_output(title) is True


@pytest.mark.parametrize("title", RESULTS)
def test_titles_that_name_a_number_or_a_thing(title: str) -> None:
    assert is_output(title) is False


@pytest.mark.parametrize("title", OTHER_LANGUAGES)
def test_titles_in_other_languages_are_not_judged(title: str) -> None:
    assert is_output(title) is None


@pytest.mark.parametrize(
    ("title", "word"),
    [("Launch the portal", "Launch"), ("[kr-7] Design new checkout", "Design"), ("We will ship it", "ship"), ("2) Held a fair", "Held")],
)
def test_the_activity_is_named_where_it_stands(title: str, word: str) -> None:
    found = titles.leading_activity(title)
    assert found is not None
    assert found.text == word == title[found.start : found.end]


@pytest.mark.parametrize(
    ("title", "quantity", "bound", "span"),
    [
        ("NPS from 20 to 40", True, True, True),
        ("Churn 2.4 % → 1.8 %", True, False, True),
        ("Grow MRR from $2M to $3M", True, True, True),
        ("At most 3 incidents", True, True, False),
        ("Zero critical incidents", True, False, False),
        ("Sign 20 partners", True, False, False),
        ("ISO 27001 certified", False, False, False),
        ("Launch phase 2 in Q4 2026", False, False, False),
        ("Version 2.0 live by 31 December", False, False, False),
        ("B2B sales in the EU", False, False, False),
        ("5G in two regions", True, False, False),
        ("Done by 2026-12-01", False, False, False),
    ],
)
def test_numbers_of_a_title(title: str, quantity: bool, bound: bool, span: bool) -> None:
    found = titles.numbers(title)
    assert (found.quantity, found.range) == (quantity, span)
    if not span:  # a range has two ends, which may also read as bounds
        assert found.bound == bound


def test_a_relative_change_is_found_and_a_share_of_something_is_none() -> None:
    assert [span.text for span in titles.numbers("Increase survey scores by 10 %").relative] == ["by 10 %"]
    assert [span.text for span in titles.numbers("Double revenue").relative] == ["Double"]
    assert titles.numbers("Release notes read by 40 % of customers").relative == ()


def test_phrases_are_whole_words_and_the_longest() -> None:
    found = titles.find_phrases("Betterment, better; World-class etc.", ("better", "world", "world-class", "etc"))
    assert [(span.text, span.start) for span in found] == [("better", 12), ("World-class", 20), ("etc", 32)]


@given(st.text(max_size=80))
def test_any_text_can_be_read(title: str) -> None:
    for span in (*titles.words(title), *titles.numbers(title).relative, titles.leading_activity(title), titles.trailing_activity(title)):
        if span is not None:
            assert title[span.start : span.end] == span.text
    assert is_output(title) in (True, False, None)


PARTS = ["Launch", "from", "3", "to", "5 %", "by", "≤", "time", "the", "1.000", "[kr-1]", "we will", "—", "Q4"]


@given(st.lists(st.sampled_from(PARTS), max_size=30).map(" ".join))
def test_any_mixture_of_known_parts_can_be_read(title: str) -> None:
    assert is_output(title) in (True, False, None)
    assert titles.numbers(title).any in (True, False)


@pytest.mark.parametrize("part", ["1", "from 1 ", "1 000 ", "by ", "a-"])
def test_a_very_long_title_costs_little(part: str) -> None:
    begun = time.process_time()  # of this process alone: what others on the machine take does not count
    titles.numbers("from " + part * 100_000)
    assert time.process_time() - begun < 5
