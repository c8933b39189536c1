# SPDX-License-Identifier: AGPL-3.0-or-later
# Shared by tools/check and tools/quickstart: packages, progress, logs. Source it after setting `root` and `logs`.

if [ -t 1 ]; then on_terminal=1; else on_terminal=0; fi
if [ "$on_terminal" = 1 ] && [ -z "${NO_COLOR-}" ]; then
  bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' green='' red='' plain=''
fi

say() { printf '%s\n' "$*"; }
headline() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
complain() { printf '%s%s%s\n' "$red" "$*" "$plain" >&2; }

# purposes… -> names. A line "PACKAGE unless COMMAND" counts only where there is no such command.
packages_for() {
  local purpose name command
  for purpose in "$@"; do
    while read -r name _ command; do
      [ -n "$command" ] && command -v "$command" >/dev/null || printf '%s\n' "$name"
    done < <(grep -v '^#' "$root/tools/packages/$purpose")
  done
}

missing_packages() {
  local name
  for name in $(packages_for "$@"); do
    dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || printf '%s\n' "$name"
  done
}

# Installs what is missing of the purposes named; says what, and needs root or sudo only if something is.
install_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    complain "This is made for Debian 12 and 13: apt-get is missing here. Install by hand what tools/packages/ lists."
    return 1
  fi
  local missing as_root=()
  missing=$(missing_packages "$@")
  if [ -z "$missing" ]; then say "Everything needed is installed."; return 0; fi
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      complain "These packages are missing, and installing them needs root or sudo: ${missing//$'\n'/ }"
      return 1
    fi
    as_root=(sudo)
    [ "$on_terminal" = 0 ] || sudo -v || return 1  # asks for the password before the output goes to a file
  fi
  say "Installing from Debian: ${missing//$'\n'/ }"
  run_logged "package lists" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q || return 1
  # shellcheck disable=SC2086  # one word per package
  run_logged "packages" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
}

step_number=0
# run_logged NAME COMMAND…: runs it without standard input, its output in a log file; meanwhile shows that it lives, afterwards how
# it went, and on failure the failed test cases and the end of the log. Status: the command's.
run_logged() {
  local name=$1 log start=$SECONDS shown=0 status=0 pid
  shift
  step_number=$((step_number + 1))
  mkdir -p "$logs"
  log="$logs/$(printf '%02d' "$step_number")-${name//[^A-Za-z0-9+]/-}.log"
  last_log=$log
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  child=$pid
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$on_terminal" = 1 ]; then
      printf '\r\e[K  … %s (%d s) %.80s' "$name" $((SECONDS - start)) "$(tail -n 1 "$log" | tr -cd '[:print:]')"
      sleep 0.3
    else
      sleep 0.3
      if [ $((SECONDS - start - shown)) -ge 60 ]; then
        shown=$((SECONDS - start))
        printf '  … %s (%d s) %.100s\n' "$name" "$shown" "$(tail -n 1 "$log" | tr -cd '[:print:]')"
      fi
    fi
  done
  wait "$pid" || status=$?
  child=''
  [ "$on_terminal" = 0 ] || printf '\r\e[K'
  if [ "$status" = 0 ]; then
    printf '  %sok%s %s (%d s)\n' "$green" "$plain" "$name" $((SECONDS - start))
  else
    printf '  %sFAILED%s %s (%d s); from %s:\n' "$red" "$plain" "$name" $((SECONDS - start)) "$log"
    grep -E -A 24 '^(FAIL|ERROR): |^TEST CASE: ' "$log" | head -n 80 | sed 's/^/    > /'
    tail -n 40 "$log" | sed 's/^/    | /'
  fi
  return "$status"
}

# Ctrl-C ends what runs, too.
child=''
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 130' INT TERM
