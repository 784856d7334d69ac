# SPDX-License-Identifier: MIT
"""Names that several payloads draw from."""

from __future__ import annotations


PEOPLE = [
    "Amélie Fournier", "Jonas Lindqvist", "Oluwaseun Adeyemi", "María José Ortega", "Tomasz Wójcik",
    "Priya Raman", "Chen Wei", "Nora Kjærgaard", "Luca Ferri", "Hana Nováková", "Sam O'Connell",
    "Yusuf Demir", "Grace Mbeki", "Katarzyna Żak", "Émile Roche", "Ivana Horvat",
]
