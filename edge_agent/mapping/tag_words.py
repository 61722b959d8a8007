"""Words in names of tags, in English, German and Polish, and what they mean in this trade."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_SPLIT = re.compile(r"[^a-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_TWO_LETTERS = {"ä": "a", "ö": "o", "ü": "u", "ß": "ss", "ł": "l", "Ä": "A", "Ö": "O", "Ü": "U",
                "Ł": "L"}  # fmt: skip

_MEANINGS = {
    "temperature": "temp temperatur temperature temperatura tmp =t =tt",
    "pressure": "druck pressure cisnien =p =pt",
    "polyol": "polyol poliol",
    "iso": "=iso isomen isomas isogew isocyan izocyjan =mdi =tdi isotemp isotank isodruck",
    "mold": "mold mould werkzeug =wkz =tool =form =forma =formy =forme formtemp formnum formnr "
    "formwand matryc",
    "core": "=core =kern kerntemp rdzen schaumkern",
    "ambient": "ambient umgebung =halle hallen raumtemp =room =hall =hala =hali otoczen",
    "humidity": "humidity feucht =rh =rf wilgotn",
    "cavity": "cavity kavit innendruck gniazd",
    "head": "mischkopf mixhead mixinghead =mix mixing glowic mischkammer",
    "flow": "flow durchfluss massenstrom przeplyw",
    "speed": "=rpm drehzahl speed obrot predkosc",
    "mixer": "mixer ruhrer ruehrer stirrer mieszad =mischer",
    "power": "power leistung =moc",
    "vent": "=vent vents entluft entlueft odpowietrz",
    "clamp": "clamp schliesskraft zuhaltekraft zwarci closingforce",
    "force": "=force kraft =sila",
    "opening": "opening offnung oeffnung otwarci lidpos deckel =lid pokryw",
    "mass": "mass masse weight gewicht menge =masa =masy waga =wagi ilosc dosage schussgewicht",
    "number": "number nummer =nr =no =num =id numer =lfdnr",
    "running": "=lfd =lfdnr laufend running",
    "shot": "shot schuss zyklus cycle =teil =part wtrysk cykl",
    "counter": "counter zahler zaehler =count =cnt licznik",
    "pour": "pouring =pour inject einspritz eintrag giess zalew dosier dosing wtrysk schussaktiv "
    "mischkopfoffen headopen",
    "open": "open offen =auf otwart geoffnet",
    "demold": "demold demould entform rozformow wyjeci",
    "start": "start",
    "abort": "abort abbruch fault storung stoerung alarm =error fehler awaria przerw emergency",
    "mode": "mode modus betriebsart =auto automatik automatic tryb",
    "lot": "=lot charge batch =partia partii szarz",
    "order": "order auftrag zlecen",
    "time": "zeit time =date datum =ts moment uhrzeit =czas =data",
    "press": "presse =press anlage maschine machine =line linie station =prasa",
    "system": "system rezept recipe rohstoff material =receptura",
    "density": "dichte density raumgewicht =rho gestosc",
    "free_rise": "freischaum freeschaum =free =frei freerise freesteig",
    "hardness": "harte haerte hardness shore twardosc",
    "day_later": "=24h =24 h24 =24hrs",
    "status": "status qualit bewertung beurteil =result ergebnis =grade jakosc",
    "defect": "defect defekt mangel fehlerart fehlerbild =fehler =wada =flaw",
    "scrap": "scrap ausschuss reject",
    "simulated": "simulated simuliert symulow",
    "operator": "operator bediener werker =worker",
    "note": "=note notes bemerk komment comment =remark",
    "laboratory": "labor =lab laboratory pruf pruef measured messzeit",
    "signal": "signal kanal channel sensor messgr variable parameter =tag =kanal",
    "value": "wert value =val =wartosc",
    "unit": "einheit =unit =uom jednostka",
    "additive": "additiv zusatz",
    "water": "wasser water",
    "index": "index kennzahl",
    "mixing": "mischgut mischeff mixingeff",
    "set_point": "=set =soll sollwert setpoint setvalue =sp zadan",
}
"""Words by meaning: the beginning of a word, or inside a compound; with ``=`` a word of its own."""

_COMPILED = {
    meaning: (
        frozenset(word[1:] for word in words.split() if word.startswith("=")),
        tuple(word for word in words.split() if not word.startswith("=")),
    )
    for meaning, words in _MEANINGS.items()
}


def words_of(text: str) -> list[str]:
    """Words of a name in small letters without accents: ``MoldTemp_Ist`` is mold, temp, ist."""
    for letter, plain in _TWO_LETTERS.items():
        text = text.replace(letter, plain)
    text = unicodedata.normalize("NFKD", text)
    text = "".join(one for one in text if not unicodedata.combining(one))
    return [word for word in _SPLIT.split(_HUMP.sub(" ", text).lower()) if word]


@lru_cache(maxsize=4096)
def meanings_of(text: str) -> frozenset[str]:
    """What the words of a name mean: ``Werkzeugtemperatur`` is a temperature of a mold.

    Args:
        text: name, description, or both.
    """
    words = words_of(text)
    joined = "".join(words)
    found = set()
    for meaning, (alone, parts) in _COMPILED.items():
        if not alone.isdisjoint(re.sub(r"[0-9]+$", "", word) or word for word in words) or any(
            part in word or (part in joined and len(part) > 7) for part in parts for word in words
        ):
            found.add(meaning)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Role:
    """What a tag may be for."""

    name: str
    """Of the channel, or of the place in the mapping: ``T_mold_C``, ``poured``."""
    needs: frozenset[str]
    """Meanings that its name must have."""
    without: frozenset[str] = frozenset()
    """Meanings that it must not have."""
    kind: str = "number"
    """``number``, ``bool``, ``any``."""


def _role(name: str, needs: str, without: str = "", kind: str = "number") -> Role:
    return Role(name, frozenset(needs.split()), frozenset(without.split()), kind)


READINGS = (
    _role("T_polyol_C", "temperature polyol"),
    _role("T_iso_C", "temperature iso"),
    _role("T_core_C", "temperature core"),
    _role("T_mold_C", "temperature mold", "core polyol iso ambient"),
    _role("T_ambient_C", "temperature ambient"),
    _role("RH_ambient_pct", "humidity"),
    _role("p_polyol_bar", "pressure polyol"),
    _role("p_iso_bar", "pressure iso"),
    _role("p_mix_bar", "pressure head", "polyol iso"),
    _role("p_cavity_bar", "pressure cavity"),
    _role("p_cavity_bar", "pressure mold", "polyol iso head"),
    _role("flow_polyol_kg_per_s", "flow polyol"),
    _role("flow_iso_kg_per_s", "flow iso"),
    _role("n_mixer_rpm", "speed mixer"),
    _role("n_mixer_rpm", "speed head"),
    _role("power_W", "power"),
    _role("vent_open_fraction", "vent"),
    _role("F_clamp_N", "clamp"),
    _role("F_clamp_N", "force mold"),
    _role("m_polyol_kg", "mass polyol", "flow"),
    _role("m_iso_kg", "mass iso", "flow"),
)
"""Roles of numbers; the first that fits counts."""
OF_SHOTS = (
    _role("lot_polyol", "lot polyol", kind="any"),
    _role("lot_isocyanate", "lot iso", kind="any"),
    _role("order_id", "order", kind="any"),
    _role("id", "shot counter", kind="any"),
    _role("id", "shot number", "mold", kind="any"),
    _role("mold", "mold number", "shot", kind="any"),
    _role("demolded", "demold", kind="bool"),
    _role("demolded", "mold open", kind="bool"),
    _role("aborted", "abort", kind="bool"),
    _role("poured", "pour", "start counter", kind="bool"),
    _role("started", "start", kind="bool"),
    _role("mode", "mode", kind="any"),
)
"""Roles of ids, texts and events."""


def role_of(name: str, kind: str) -> Role | None:
    """The role that a name speaks for; None where none does.

    Args:
        name: of a tag, with its description.
        kind: of its value: ``number``, ``bool``, ``text``.
    """
    meanings = meanings_of(name)
    for role in (*OF_SHOTS, *READINGS):
        fits = role.kind in {"any", kind}
        if fits and role.needs <= meanings and role.without.isdisjoint(meanings):
            return role
    return None


def is_set_point(name: str) -> bool:
    """Whether a name is that of a set point."""
    return "set_point" in meanings_of(name)
