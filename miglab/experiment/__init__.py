"""The one composer: prepare, load, baseline, act, settle, write down. It judges nothing."""
