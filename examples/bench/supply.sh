#!/bin/sh
# A power supply as a command: `supply.sh get`, `supply.sh set VOLTS`. It keeps its voltage in a file.
case $1 in
get) cat dut/voltage ;;
set) echo "$2" > dut/voltage.new && mv dut/voltage.new dut/voltage ;;
*) echo "supply.sh: $1 is neither get nor set" >&2; exit 2 ;;
esac
