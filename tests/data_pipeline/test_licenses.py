"""Licences are read and judged as their texts say, on real packages where they can be."""

from __future__ import annotations

from importlib import metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline import licenses


@pytest.mark.parametrize(
    ("expression", "permitted"),
    [
        ("MIT", True),
        ("mit", True),
        ("Apache-2.0 OR BSD-2-Clause", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MIT AND (Apache-2.0 OR LGPL-2.1-or-later)", True),
        ("MIT AND (GPL-2.0-only OR LGPL-2.1-or-later)", False),
        ("(MIT)", True),
        ("MIT or GPL-2.0-only and GPL-3.0-only", True),  # AND binds closer
        ("(MIT OR GPL-2.0-only) AND GPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("Apache-2.0+", True),
        ("MPL-2.0 AND MIT", False),
        ("LicenseRef-Proprietary", False),
        ("", False),
        ("MIT OR", False),
        ("MIT GPL-3.0-only", False),
        ("(MIT", False),
        ("MIT WITH", False),
        ("MIT; GPL", False),
        ("(" * 150 + "MIT" + ")" * 150, False),
    ],
)
def test_an_expression_is_permissive_if_it_leaves_a_permitted_way(expression: str, permitted: bool) -> None:
    assert licenses.is_permissive(expression) is permitted


@given(st.text(alphabet="()ANDORWIThmit -+.0G", max_size=60))
def test_no_text_makes_the_judgement_fail(expression: str) -> None:
    assert licenses.is_permissive(expression) in (True, False)


_TREES = st.recursive(
    st.sampled_from([("MIT", True), ("GPL-3.0-only", False), ("ISC", True)]),
    lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
        lambda t: (
            f"({t[0][0]} {t[1]} {t[2][0]})",
            (t[0][1] and t[2][1]) if t[1] == "AND" else (t[0][1] or t[2][1]),
        )
    ),
    max_leaves=12,
)


@given(_TREES)
def test_nested_expressions_are_judged_as_logic_says(tree: tuple[str, bool]) -> None:
    assert licenses.is_permissive(tree[0]) is tree[1]


# What these packages are known to be under, in any version of late.
KNOWN = {
    "numpy": True,
    "pytest": True,
    "rich": True,
    "ruff": True,
    "mypy": True,
    "tokenizers": True,
    "hypothesis": False,  # MPL
    "pathspec": False,  # MPL
}


def _metadata(name: str) -> str:
    text = metadata.distribution(name).read_text("METADATA")
    assert text is not None
    return text


@pytest.mark.parametrize(("name", "permitted"), KNOWN.items())
def test_installed_packages_are_judged_by_their_own_metadata(name: str, permitted: bool) -> None:
    stated = licenses.of_metadata(_metadata(name))
    assert stated is not None
    assert licenses.is_permissive(stated) is permitted


def test_the_licence_files_of_installed_packages_agree_with_their_metadata() -> None:
    compared = 0
    for distribution in metadata.distributions():
        stated = licenses.of_metadata(distribution.read_text("METADATA") or "")
        names = [
            f
            for f in distribution.files or []
            if "dist-info" in str(f) and f.name in ("LICENSE", "LICENSE.txt")
        ]
        if stated is None or len(names) != 1:
            continue
        read = licenses.of_license_file(names[0].locate().read_text(encoding="utf-8", errors="replace"))  # type: ignore[attr-defined]
        if read is None or " " in read or " " in stated:
            continue  # a pointer to other files, or a bundle of licences
        compared += 1
        assert licenses.is_permissive(read) == licenses.is_permissive(stated), (
            distribution.name,
            read,
            stated,
        )
    assert compared > 20


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("License-Expression: MIT OR Apache-2.0\nClassifier: License :: OSI Approved :: "
         "BSD License\n", "MIT OR Apache-2.0"),
        ("Classifier: License :: OSI Approved :: MIT License\nLicense: whatever\n", "MIT"),
        ("License: BSD-2-Clause\nClassifier: License :: OSI Approved :: BSD License\n", "BSD-2-Clause"),
        (
            "Classifier: License :: OSI Approved :: MIT License\n"
            "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n",
            "MIT AND GPL-3.0-only",
        ),
        ("License: Apache License 2.0\n", "Apache-2.0"),
        ("License: Apache 2.0\n", "Apache-2.0"),
        ("License: GPLv3+\n", "GPL-3.0-or-later"),
        ("License: MPL-2.0 AND MIT\n", "MPL-2.0 AND MIT"),
        ("License: 3-Clause BSD License\n", "BSD-3-Clause"),
        ("License: see the file\n", None),
        ("Classifier: License :: OSI Approved\n", None),
        ("Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: Free To Use But "
         "Restricted\n", "MIT AND LicenseRef-Unknown"),
        ("Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: OSI Approved :: "
         "CeCILL-B\n",
         "MIT AND LicenseRef-Unknown"),
        ("License: GPL-3.0\nClassifier: License :: OSI Approved :: BSD License\n",
         "BSD-3-Clause AND GPL-3.0"),
        ("License: MIT OR GPL-3.0\nClassifier: License :: OSI Approved :: MIT License\n",
         "MIT AND (MIT OR GPL-3.0)"),
        ("License: GNU LGPL v2.1 or later\n", "LGPL-2.1-or-later"),
        ("License: BSD-3\n", "BSD-3-Clause"),
        ("Classifier: License :: Other/Proprietary License\n", "LicenseRef-Proprietary"),
        ("", None),
    ],
)  # fmt: skip
def test_metadata_is_read_in_the_order_expression_classifiers_field(
    headers: str, expected: str | None
) -> None:
    assert (
        licenses.of_metadata(f"Metadata-Version: 2.1\nName: x\n{headers}\nLicense: GPL in the body\n")
        == expected
    )


MIT = """Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including ...
The above copyright notice and this permission notice shall be included in all copies.
"""
BSD = """Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:
 * Redistributions of source code must retain the above copyright notice.
"""
GPL = "                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n"
LGPL = """  GNU LESSER GENERAL PUBLIC LICENSE
  Version 3, 29 June 2007
 the terms of version 3 of the GNU General Public License
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MIT, "MIT"),
        (BSD, "BSD-2-Clause"),
        (BSD + " * Neither the name of the project nor ...", "BSD-3-Clause"),
        (BSD + " * All advertising materials mentioning features ...", "BSD-4-Clause"),
        ("Apache License\nVersion 2.0, January 2004", "Apache-2.0"),
        (GPL, "GPL-3.0-only"),
        (LGPL, "LGPL-3.0-only"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007\n", "AGPL-3.0-only"),
        ("Mozilla Public License Version 2.0\n====\n\n1. Definitions\n", "MPL-2.0"),
        ("Eclipse Public License - v 2.0\n", "EPL-2.0"),
        ("Business Source License 1.1\n", "BUSL-1.1"),
        (MIT + "\nParts of this are under\n" + GPL, "MIT AND GPL-3.0-only"),
        ("All rights reserved. Ask us.", None),
        (MIT + "\nCommons Clause License Condition v1.0\n", "MIT AND LicenseRef-Commons-Clause"),
        (
            MIT + "\nThe model may be used for non-commercial purposes only.\n",
            "MIT AND LicenseRef-Noncommercial",
        ),
        (MIT + "\nFor commercial and non-commercial use.\n", "MIT"),
    ],
)
def test_licence_texts_are_told_apart(text: str, expected: str | None) -> None:
    assert licenses.of_license_file(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# SPDX-License-Identifier: GPL-2.0-only WITH "
         "Linux-syscall-note\nx = 1\n", "GPL-2.0-only WITH Linux-syscall-note"),
        ("/* SPDX-License-Identifier: MIT */\nint x;\n", "MIT"),
        ("// SPDX-License-Identifier: (MIT OR GPL-2.0-only)\n", "(MIT OR GPL-2.0-only)"),
        (
            "#!/usr/bin/env python\n# This program is free software: you can redistribute it and/or modify\n"
            "# it under the terms of the GNU General Public License as published by\n# the Free Software "
            "Foundation, either "
            "version 3 of the License, or\n# (at your option) any later version.\n",
            "GPL-3.0-or-later",
        ),
        (
            "/*\n * This library is free software; you can redistribute it under the terms of the "
            "GNU Lesser\n"
            " * General Public License; version 2.1 of the License.\n */\n",
            "LGPL-2.1-only",
        ),
        ("// Dual licensed under the MIT or GPL Version 2 licenses.\n", "GPL-2.0-only OR MIT"),
        ("# Licensed under the Apache License, Version 2.0 (the License)\n", "Apache-2.0"),
        ('"""A module.\n\nReleased under the MIT license.\n"""\n', "MIT"),
        ('"""Finds out whether a file mentions the GNU General Public License, version 3."""\n', None),
        ("# SPDX-License-Identifier: Apache-2.0\n# SPDX-License-Identifier: GPL-2.0-only\n",
         "Apache-2.0 AND GPL-2.0-only"),
        ("# SPDX-License-Identifier: MIT\n# Portions are under the GNU General Public License version 2.\n",
         "MIT AND GPL-2.0-only"),
        ("# SPDX-License-Identifier: MIT OR GPL-2.0-only\n# See the GNU General Public License, version 2.\n",
         "MIT OR GPL-2.0-only"),
        ('"""Picks either of the two.\n\nReleased under the MIT license, parts licensed under GPL '
         'version 2.\n"""\n', "GPL-2.0-only AND MIT"),
        ("# Licensed under either of the Apache License, Version 2.0, or GPL version 2 at your option.\n",
         "Apache-2.0 OR GPL-2.0-only"),
        ("# (c) 2019 Jo Doe \u2013 GPLv3\n", "GPL-3.0-only"),
        ('__license__ = "GPL v3"\n', "GPL-3.0-only"),
        ('__license__ = "MIT"\n', "MIT"),
        ("# License: BSD-3\n", "BSD-3-Clause"),
        ("import os\n# SPDX-License-Identifier: GPL-3.0-only\n", None),  # not at the top
        ("x = 1\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_files_own_header_is_read(text: str, expected: str | None) -> None:
    assert licenses.of_header(text) == expected


def test_reading_headers_takes_linear_time() -> None:
    # Backtracking would take minutes here; the suite's own time limit is the judge.
    for unit in ('"""', "/*", "# \n", "\n", "'''x", "<!--", " "):
        licenses.of_header(unit * 100_000)


@pytest.mark.parametrize(
    "header",
    [
        "Copyright 2020 X. Proprietary and confidential.",
        "Any use, reproduction or distribution of this software without an express license agreement\n"
        "# from X is strictly prohibited.",
        "This source code is licensed under the CC-by-NC license found in the LICENSE file",
        "CC BY-NC-SA 4.0, see the license at https://creativecommons.org/licenses/by-nc-sa/4.0/",
        "License: CC BY 4.0",
        "Released for non-commercial research use only.",
        "License: GPL",
        "License: GNU GPL",
        "License: LGPL",
        "Released under the GPL.",
        "Distributed under the CeCILL license.",
        "Licensed under the EUPL 1.2",
        "PolyForm Noncommercial License 1.0.0",
        "Use of this software is governed by the Business Source License",
        "Licensed under the Elastic License 2.0",
        "This file is under the Microsoft Reciprocal License (Ms-RL)",
        "Made available under the Common Public License v1.0",
        "MIT License, with the Commons Clause",
    ],
)
def test_a_header_that_denies_rights_is_not_permissive(header: str) -> None:
    stated = licenses.of_header(f"# Copyright X\n#\n# {header}\n\nimport os\n")
    assert stated is not None
    assert not licenses.is_permissive(stated)


@pytest.mark.parametrize(
    "header",
    [
        "Lists licences: MIT, GPL, LGPL and Apache.",
        "Warning: this module is intended for educational purposes only.",
        "Adds (carbon) copies: to, cc by default, bcc.",
        "May be used for any purpose, commercial or non-commercial.",
        "Finds which of the two is older, either by date or by number.",
        "Copyright X. All rights reserved. See LICENSE for details.",
    ],
)
def test_a_header_that_only_talks_of_licences_states_none(header: str) -> None:
    assert licenses.of_header(f'"""{header}"""\nimport os\n') is None
