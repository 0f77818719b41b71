PYTHON ?= python3

setup demo test test-all lint lock:
	$(PYTHON) .ci/tasks.py $@

.PHONY: setup demo test test-all lint lock
