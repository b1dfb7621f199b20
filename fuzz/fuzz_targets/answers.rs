#![no_main]

humanllm_fuzz::target!(answers);
