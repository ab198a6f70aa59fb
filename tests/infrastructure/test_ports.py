from __future__ import annotations

import socket

from tests.infrastructure.ports import EACH, FIRST, GIVEN_OUT, PROCESSES, free_port


def test_no_port_is_given_twice_nor_one_that_the_system_gives_out_itself():
    found = [free_port() for _ in range(50)]
    assert len(set(found)) == 50
    assert all(FIRST <= port < FIRST + PROCESSES * EACH <= GIVEN_OUT for port in found)


def test_a_port_where_somebody_listens_is_passed_over():
    port = free_port()
    with socket.create_server(("127.0.0.1", port + 1)):
        assert port + 1 not in [free_port() for _ in range(EACH // 10)]
