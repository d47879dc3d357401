"""How licences are named in package metadata, and by which phrases their texts are known.

Not here: reading and judging (licenses.py).
"""

from __future__ import annotations

import re

# Trove classifiers behind "License :: "; those that name a family stand for its usual member.
CLASSIFIERS = {
    "Academic Free License (AFL)": "AFL-3.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "Blue Oak Model License (BlueOak-1.0.0)": "BlueOak-1.0.0",
    "CMU License (MIT-CMU)": "MIT-CMU",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License (GPL)": "GPL-1.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-2.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mulan Permissive Software License v2 (MulanPSL-2.0)": "MulanPSL-2.0",
    "PostgreSQL License": "PostgreSQL",
    "Python License (CNRI Python License)": "CNRI-Python",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "W3C License": "W3C",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "Zope Public License": "ZPL-2.1",
    "zlib/libpng License": "Zlib",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Public Domain": "LicenseRef-Public-Domain",
    "Other/Proprietary License": "LicenseRef-Proprietary",
    "Free for non-commercial use": "LicenseRef-Noncommercial",
    "Free For Educational Use": "LicenseRef-Noncommercial",
}
# What people write into the old free-text field, reduced to letters, digits and "+".
SPELLINGS = {
    "apache": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache20": "Apache-2.0",
    "apachev2": "Apache-2.0",
    "apachev20": "Apache-2.0",
    "apacheversion20": "Apache-2.0",
    "asl20": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd2": "BSD-2-Clause",
    "bsd2clause": "BSD-2-Clause",
    "2clausebsd": "BSD-2-Clause",
    "simplifiedbsd": "BSD-2-Clause",
    "bsd3": "BSD-3-Clause",
    "bsd3clause": "BSD-3-Clause",
    "3clausebsd": "BSD-3-Clause",
    "newbsd": "BSD-3-Clause",
    "modifiedbsd": "BSD-3-Clause",
    "expat": "MIT",
    "mit": "MIT",
    "iscl": "ISC",
    "isc": "ISC",
    "psf": "PSF-2.0",
    "psfl": "PSF-2.0",
    "pythonsoftwarefoundation": "PSF-2.0",
    "unlicense": "Unlicense",
    "zlib": "Zlib",
    "zpl21": "ZPL-2.1",
    "agplv3": "AGPL-3.0-only",
    "agpl3": "AGPL-3.0-only",
    "agplv3+": "AGPL-3.0-or-later",
    "gpl": "GPL-1.0-or-later",
    "gplv2": "GPL-2.0-only",
    "gpl2": "GPL-2.0-only",
    "gplv2+": "GPL-2.0-or-later",
    "gplv3": "GPL-3.0-only",
    "gpl3": "GPL-3.0-only",
    "gplv3+": "GPL-3.0-or-later",
    "lgpl": "LGPL-2.0-or-later",
    "lgplv3": "LGPL-3.0-only",
    "lgplv3+": "LGPL-3.0-or-later",
    "mpl2": "MPL-2.0",
    "mpl20": "MPL-2.0",
    "mozillapubliclicense20mpl20": "MPL-2.0",
    "proprietary": "LicenseRef-Proprietary",
}
# The words of a text or header that allow no commercial use; "commercial and non-commercial" allows both.
NONCOMMERCIAL = (
    r"(?<!commercial and )(?<!commercial or )(?<!commercial )(?:"
    r"(?:only|solely|exclusively|strictly) for (?:\w+ ){0,3}?non ?commercial "
    r"(?:\w+ ){0,3}?(?:use|purposes?|research)\b"
    r"|for non ?commercial (?:\w+ ){0,3}?(?:use|purposes?|research)\b(?! (?:and|or) commercial)"
    r"|non ?commercial (?:\w+ ){0,3}?(?:use|purposes?|research) only"
    r"|(?:not|no) (?:be )?(?:used? )?(?:for|permit) (?:any )?commercial (?:use|purposes?)"
    # "For educational purposes only" alone is a warning.
    r"|\b(?:licen[cs]\w*|granted|permitted|permission|used?|distributed|available|provided|free) "
    r"(?:\w+ ){0,6}?(?:(?:only|solely|exclusively|strictly) "
    r"for (?:academic|educational|research|evaluation)\b"
    r"(?: (?:and|or) \w+)? (?:use|purposes?)"
    r"|for (?:academic|educational|research|evaluation) (?:(?:and|or) \w+ )?(?:use|purposes?) only)"
    r"|use only non ?commercially)"
)
# Words in a file's header by which its owner keeps all rights.
PROPRIETARY = (
    r"proprietary and confidential|confidential and proprietary|trade secrets? of"
    r"|(?:use|copying|reproduction|disclosure|distribution|duplication|modification)\b.{0,120}\b(?:is|are) "
    r"(?:strictly |expressly )?(?:prohibited|forbidden)\b.{0,20}\b(?:without|unless|except)"
    r"|unauthori[sz]ed (?:\w+ ){0,4}?(?:copying|use|distribution|reproduction)\b.{0,120}"
    r"\b(?:prohibited|forbidden)"
    r"|without (?:an |the )?express (?:\w+ )?licen[cs]e agreement"
    r"|may not be (?:used|copied|reproduced|distributed|disclosed)\b.{0,80}"
    r"\bwithout (?:the )?(?:prior|express)"
    r"|proprietary licen[cs]e|licen[cs]e proprietary"
)
# Licences that are not permissive by the names and abbreviations of a file's header; without their versions,
# since any of them decides the same.
RESTRICTIVE: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(phrase))
    for name, phrase in (
        ("CC-BY", r"\bcc by(?: (?:nc|nd|sa))+\b|\bcc by(?= ?[1-4]\b| licen[cs]e)"
                  r"|creative commons attribution\b|creativecommons org licenses by"),
        ("CeCILL", r"\bcecill\b"),
        ("EUPL", r"\beupl\b|european union public licen[cs]e"),
        ("LicenseRef-PolyForm", r"\bpolyform\b"),
        ("BUSL-1.1", r"business source licen[cs]e|\bbusl\b"),
        ("Elastic-2.0", r"\belastic licen[cs]e"),
        ("MS-RL", r"\bms rl\b|microsoft reciprocal licen[cs]e"),
        ("CPL-1.0", r"\bcpl (?:v(?:ersion)? ?)?1\b|common public licen[cs]e"),
        ("IPL-1.0", r"\bibm public licen[cs]e"),
        ("EPL", r"\bepl (?:v(?:ersion)? ?)?[12]\b"),
        ("MPL", r"\bmpl (?:v(?:ersion)? ?)?[12]\b"),
        ("CDDL", r"\bcddl\b"),
        ("OSL", r"\bosl (?:v(?:ersion)? ?)?[123]\b|open software licen[cs]e"),
        ("SSPL-1.0", r"\bsspl\b|server side public licen[cs]e"),
        ("APSL", r"apple public source licen[cs]e|\bapsl\b"),
        ("QPL-1.0", r"\bq public licen[cs]e"),
        ("RPL", r"reciprocal public licen[cs]e"),
        ("LicenseRef-Commons-Clause", r"\bcommons clause\b"),
        ("LicenseRef-Proprietary", r"amazon software licen[cs]e"
                                   r"|nvidia (?:source code|software) licen[cs]e"),
        ("LicenseRef-OpenRAIL", r"\b\w*openrail\b"),
    )
)  # fmt: skip
# Characteristic phrases of texts with only lower-case words and digits, single-spaced. Titles of copyleft
# licences come with their date or number, because those texts mention each other.
TEXTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(phrase))
    for name, phrase in (
        ("AGPL-3.0-only", r"gnu affero general public license version 3 19 november 2007"),
        ("LGPL-3.0-only", r"gnu lesser general public license version 3 29 june 2007"),
        ("LGPL-2.1-only", r"gnu lesser general public license version 2 1 february 1999"),
        ("LGPL-2.0-only", r"gnu library general public license version 2 june 1991"),
        ("GPL-3.0-only", r"gnu general public license version 3 29 june 2007"),
        ("GPL-2.0-only", r"gnu general public license version 2 june 1991"),
        ("GPL-1.0-only", r"gnu general public license version 1 february 1989"),
        ("MPL-2.0", r"mozilla public license version 2 0 1 definitions|source code form is subject to the "
                    r"terms of the mozilla public license"),
        ("MPL-1.1", r"mozilla public license version 1 1"),
        ("EPL-2.0", r"eclipse public license v(?:ersion)? 2 0"),
        ("EPL-1.0", r"eclipse public license v(?:ersion)? 1 0"),
        ("EUPL-1.2", r"european union public licen[cs]e v ?1 2"),
        ("CDDL-1.0", r"common development and distribution license"),
        ("OSL-3.0", r"open software license v(?:ersion)? ?3 0"),
        ("SSPL-1.0", r"server side public license version 1"),
        ("BUSL-1.1", r"business source license 1 1"),
        ("Elastic-2.0", r"elastic license 2 0"),
        ("LicenseRef-Commons-Clause", r"commons clause (?:licen[cs]e )?(?:condition|restriction)"
                                      r"|does not grant to you the right to sell the software"),
        ("LicenseRef-Noncommercial", NONCOMMERCIAL),
        ("CC-BY-NC-SA-4.0", r"creative commons attribution noncommercial sharealike 4 0"),
        ("CC-BY-NC-4.0", r"creative commons attribution noncommercial 4 0"),
        ("CC-BY-SA-4.0", r"creative commons attribution sharealike 4 0"),
        ("CC-BY-4.0", r"creative commons attribution 4 0"),
        ("CC0-1.0", r"cc0 1 0 universal|creative commons cc0|creative commons zero"),
        ("Apache-2.0", r"apache license version 2 0|apache org licenses license 2 0"),
        ("PSF-2.0", r"python software foundation license version 2"),
        ("BSL-1.0", r"boost software license version 1 0"),
        ("Unlicense", r"this is free and unencumbered software released into the public domain"),
        ("WTFPL", r"do what the fuck you want to public license"),
        ("Zlib", r"this software is provided as is without any express or implied warranty in no event "
                 r"will the authors be held liable"),
        ("NCSA", r"to deal with the software without restriction"),
        ("X11", r"permission is hereby granted free of charge to any person obtaining a copy of this "
                r"software and associated documentation files .{0,300}to deal in the software without "
                r"restriction(?=.{0,2500}except as contained in this notice the name)"),
        ("MIT-0", r"to deal in the software without restriction .{0,160}permit persons to whom the "
                  r"software is furnished to do so the software is provided as is"),
        ("MIT", r"to deal in the software without restriction"),
        ("MIT-CMU", r"permission to use copy modify and distribute this software and its (?:associated "
                    r")?documentation for any purpose and without fee is hereby granted provided that the "
                    r"above copyright notice appears? in all copies"),
        ("0BSD", r"permission to use copy modify and or distribute this software for any purpose with or "
                 r"without fee is hereby granted the software is provided as is"),
        ("ISC", r"permission to use copy modify (?:and or|and) distribute this software for any purpose "
                r"with or without fee is hereby granted provided that the above copyright notice"),
        ("BSD-4-Clause", r"redistribution and use in source and binary forms with or without modification "
                         r"are permitted provided(?=.{0,1500}all advertising materials mentioning features)"),
        ("BSD-3-Clause", r"redistribution and use in source and binary forms with or without modification "
                         r"are permitted provided(?=.{0,1800}(?:neither the names? of|the names? of "
                         r".{0,120}may not be used to endorse))"),
        ("BSD-2-Clause", r"redistribution and use (?:in|of) (?:source and binary forms|the source and "
                         r"binary forms|this software) with or without modification are permitted provided"),
    )
)  # fmt: skip
# Of these, only the first found counts: their phrases overlap.
FAMILIES = (
    ("NCSA", "X11", "MIT-0", "MIT"),
    ("0BSD", "ISC"),
    ("BSD-4-Clause", "BSD-3-Clause", "BSD-2-Clause"),
    ("CC-BY-NC-SA-4.0", "CC-BY-NC-4.0", "CC-BY-SA-4.0", "CC-BY-4.0"),
)
