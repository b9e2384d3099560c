"""What a model is told about a flight, only what is known before departure; the same for every framework."""

from __future__ import annotations

_CARRIERS = "9E AA AS B6 DL EV F9 FL HA MQ OO UA US VX WN YV"
_ORIGINS = "EWR JFK LGA"
_DESTINATIONS = """
    ABQ ACK ALB ANC ATL AUS AVL BDL BGR BHM BNA BOS BQN BTV BUF BUR BWI BZN CAE CAK CHO CHS CLE CLT CMH
    CRW CVG DAY DCA DEN DFW DSM DTW EGE EYW FLL GRR GSO GSP HDN HNL HOU IAD IAH ILM IND JAC JAX LAS LAX
    LEX LGA LGB MCI MCO MDW MEM MHT MIA MKE MSN MSP MSY MTJ MVY MYR OAK OKC OMA ORD ORF PBI PDX PHL PHX
    PIT PSE PSP PVD PWM RDU RIC ROC RSW SAN SAT SAV SBN SDF SEA SFO SJC SJU SLC SMF SNA SRQ STL STT SYR
    TPA TUL TVC TYS XNA
"""
VOCABULARIES = {"carrier": _CARRIERS.split(), "origin": _ORIGINS.split(), "dest": _DESTINATIONS.split()}
"""Columns of text; a code is the position in the vocabulary, -1 for a word that is not in it."""
RANGES = {"month": 13, "hour": 24, "weekday": 8}
"""Columns of small numbers, each below its bound."""
SCALES = {
    "distance": (1000.0, 700.0),
    "temp": (55.0, 18.0),
    "dewp": (41.0, 19.0),
    "humid": (62.0, 19.0),
    "wind_dir": (200.0, 107.0),
    "wind_speed": (10.5, 5.5),
    "wind_gust": (25.5, 6.0),
    "precip": (0.0, 0.03),
    "pressure": (1018.0, 7.4),
    "visib": (9.3, 2.0),
}
"""Numbers with the constants that bring them to the order of 1: a stream has no mean of the year to come."""
SCALED_LIMIT = 5.0
"""A gauge that reads 1,048 miles an hour is cut to this many deviations."""
PASSED_ON = ("year", "month", "day", "carrier", "flight", "origin", "dest", "sched", "has_weather", "label")
"""Columns that go back to Flink beside the score."""
