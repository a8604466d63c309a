# make demo    sets up, builds, runs the whole pipeline; ends with the path of report.html
# make test    sets up, builds, runs every test
# make bench-augment, bench-train    measures against the peers, writes build/bench/NAME.json
# make stress  breaks runs in every way we know, writes docs/reliability.md
BUILD ?= build
JOBS ?= $(shell nproc)
export TPT_CACHE ?= $(HOME)/.cache/tpt
export CCACHE_DIR ?= $(TPT_CACHE)/ccache

.PHONY: demo demo-short build test test-fast test-san test-trainer setup setup-test setup-bench check format bench-augment bench-train stress clean

demo: build
	$(BUILD)/tpt run recipes/demo.toml --out $(BUILD)/demo

# The same way with fewer documents, tokens and seeds: what CI runs.
demo-short: build
	$(BUILD)/tpt run recipes/demo-short.toml --out $(BUILD)/demo-short

build: setup $(BUILD)/build.ninja
	cmake --build $(BUILD) --target tpt -j $(JOBS)

test: setup-test $(BUILD)/build.ninja
	scripts/check
	cmake --build $(BUILD) -j $(JOBS)
	scripts/test $(BUILD)

# Everything but the slow suites: for the loop of one change.
test-fast: setup-test $(BUILD)/build.ninja
	cmake --build $(BUILD) -j $(JOBS)
	scripts/test --fast $(BUILD)

# The torch-free folders with AddressSanitizer and UBSan, then the concurrent ones with ThreadSanitizer.
test-san: setup-test
	cmake -S . -B $(BUILD)-asan -G Ninja -DTPT_TORCH_FREE=ON -DTPT_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=RelWithDebInfo
	cmake --build $(BUILD)-asan -j $(JOBS)
	scripts/test --fast $(BUILD)-asan
	cmake -S . -B $(BUILD)-tsan -G Ninja -DTPT_TORCH_FREE=ON -DTPT_SANITIZE=thread -DCMAKE_BUILD_TYPE=RelWithDebInfo
	cmake --build $(BUILD)-tsan -j $(JOBS) --target tpt_augment_test tpt_pack_test tpt_eval_test tpt_engine_test
	scripts/test --fast $(BUILD)-tsan augment pack eval 'engine:HttpServer*:Mock*:Http*'

# The program that only trains, as a build of its own (docs/training.md).
test-trainer: setup
	cmake -S . -B $(BUILD)-trainer -G Ninja -DTPT_TRAINER_ONLY=ON
	cmake --build $(BUILD)-trainer -j $(JOBS)
	$(BUILD)-trainer/tpt_flow_test

bench-augment bench-train: bench-%: setup-bench $(BUILD)/build.ninja
	bench/$* $(BUILD)

stress: setup-test $(BUILD)/build.ninja
	cmake --build $(BUILD) --target tpt -j $(JOBS)
	bench/stress $(BUILD) --page docs/reliability.md

setup:
	@scripts/setup

setup-test:
	@scripts/setup --test

setup-bench:
	@scripts/setup --bench

check:
	scripts/check

format:
	scripts/check --fix

$(BUILD)/build.ninja: CMakeLists.txt cmake/Dependencies.cmake
	cmake -S . -B $(BUILD) -G Ninja

clean:
	rm -rf $(BUILD) $(BUILD)-trainer $(BUILD)-asan $(BUILD)-tsan
