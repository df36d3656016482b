"""What columns of a table of key results are called in other languages than English. Data only: ``vocabulary`` adds them to its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# No name may stand at two fields, here or there.
# fmt: off
WORDS: Mapping[str, Sequence[str]] = {
    "objective": (
        "ziele", "objectifs", "objetivos", "obiettivo", "obiettivi", "doelstelling", "doel", "mål", "cel", "目標", "目标",
    ),
    "key_result": (
        "schlüsselergebnisse", "résultats clés", "résultat clef", "resultados clave", "resultado chave", "resultados chave",
        "risultato chiave", "risultati chiave", "kernresultaat", "nyckelresultat", "kluczowy wynik", "主な成果", "关键结果", "主要な結果",
    ),
    "owner": (
        "verantwortliche", "verantwortlicher", "zuständig", "responsable", "propriétaire", "pilote", "propietario", "dueño",
        "responsável", "dono", "responsabile", "verantwoordelijke", "eigenaar", "ansvarig", "właściciel", "担当者", "负责人",
    ),
    "from": (
        "von", "ausgangswert", "valeur de départ", "valeur initiale", "départ", "valor inicial", "inicio", "início", "desde",
        "de", "valore iniziale", "inizio", "beginwaarde", "startvärde", "wartość początkowa", "開始値", "起始值",
    ),
    "to": (
        "bis", "sollwert", "cible", "valeur cible", "meta", "valor objetivo", "valor meta", "hasta", "até", "obiettivo valore",
        "valore obiettivo", "target waarde", "streefwaarde", "målvärde", "wartość docelowa", "目標値", "目标值",
    ),
    "current": (
        "aktueller wert", "aktuell", "valeur actuelle", "actuel", "valor actual", "actual valor", "valor atual", "atual",
        "valore attuale", "attuale", "huidige waarde", "huidig", "nuvarande värde", "aktualna wartość", "現在値", "当前值",
    ),
    "confidence": (
        "zuversicht", "konfidenz", "confiance", "confianza", "confiança", "fiducia", "vertrouwen", "säkerhet", "pewność", "確信度",
        "信心",
    ),
    "blocker": (
        "hindernis", "hindernisse", "obstacle", "blocage", "bloqueo", "bloqueio", "impedimento", "ostacolo", "blokkade",
        "hinder", "障害", "障碍",
    ),
    "cycle": (
        "zyklus", "quartal", "zeitraum", "trimestre", "cycle okr", "période", "ciclo", "periodo", "período", "cyclus",
        "kwartaal", "cykel", "kwartał", "四半期", "周期",
    ),
    "team": (
        "équipe", "equipo", "equipe", "squadra", "afdeling", "zespół", "チーム", "团队",
    ),
    "unit": (
        "unité", "unidad", "unidade", "unità", "eenheid", "enhet", "jednostka", "単位", "单位",
    ),
}
# fmt: on
