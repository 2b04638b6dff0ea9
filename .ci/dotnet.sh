# Sourced: makes sure that the .NET SDK is there, or says exactly what to do.
# No culture is used anywhere, so no library for cultures is needed; no build server outlives a command.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
if ! command -v dotnet >/dev/null 2>&1 && [ -x "${HOME:-/root}/.dotnet/dotnet" ]; then PATH=${HOME:-/root}/.dotnet:$PATH; fi
# Programs that were built find the runtime here, wherever the SDK was installed.
if command -v dotnet >/dev/null 2>&1; then DOTNET_ROOT=$(dirname "$(readlink -f "$(command -v dotnet)")"); export DOTNET_ROOT; fi
if ! command -v dotnet >/dev/null 2>&1 || ! grep -q '^10\.' <<<"$(dotnet --list-sdks 2>/dev/null)"; then
  cat >&2 <<'EOF'
Holdfast needs the .NET SDK 10, which is not installed here. Install it in one of these ways, then run this again:

  any Linux:  curl -fsSL https://dot.net/v1/dotnet-install.sh -o /tmp/dotnet-install.sh && bash /tmp/dotnet-install.sh --channel 10.0
  (it goes to ~/.dotnet, where this script finds it; on a bare Debian first:  apt-get install -y curl ca-certificates libssl3)
EOF
  exit 1
fi
