# Sourced by .ci/run: functions that run at the same time.

# together NAME...: run functions beside each other; as each ends, in this order, print what it said.
# Fails, after all have ended, where one failed. Needs $scratch, a folder.
together() {
  local name failed=0
  declare -A process
  for name in "$@"; do
    (
      set -euo pipefail
      SECONDS=0
      "$name"
      echo "($SECONDS s)"
    ) >"$scratch/$name.log" 2>&1 &
    process[$name]=$!
  done
  for name in "$@"; do
    wait "${process[$name]}" || { failed=1; echo "FAILED: $name"; }
    printf -- '-- %s\n' "${name//_/ }"
    cat "$scratch/$name.log"
  done
  return "$failed"
}
