# SPDX-License-Identifier: GPL-2.0-only
"""Break VMs in mid-case, many times, and see that the harness loses and blames nothing.

``provoke`` makes each trouble (the harness's own tests use it, too), ``kinds`` says what it must
come to, ``inject`` does it inside a run that is started as a user starts one, ``campaign`` draws
the troubles from a seed and runs them, ``check`` counts what must be zero, ``report`` prints it.
"""
