#!/bin/sh
# `burn_in.sh SECONDS LABEL`: warms the device under test from 40 to 80 degrees and lets it cool down again.
seconds=$1 label=$2

say() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $1 $2" >> bench.log; }
temperature() { echo "$1" > dut/temperature.new && mv dut/temperature.new dut/temperature; }

trap 'temperature 41500; say WARNING "burn-in $label stopped"; exit 1' TERM
say INFO "burn-in $label for $seconds s"
step=0
while [ "$step" -lt "$seconds" ]; do
    temperature $((40000 + 40000 * (step + 1) / seconds))
    echo "progress: $((100 * step / seconds))"
    sleep 1
    step=$((step + 1))
done
temperature 41500
say INFO "burn-in $label passed"
echo "{\"label\": \"$label\", \"seconds\": $seconds, \"passed\": true}"
