# Sourced: makes sure that the .NET SDK is there, or says exactly what to do.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
if ! command -v dotnet >/dev/null 2>&1 && [ -x "$HOME/.dotnet/dotnet" ]; then PATH=$HOME/.dotnet:$PATH; fi
# Programs that were built find the runtime here, wherever the SDK was installed.
if command -v dotnet >/dev/null 2>&1; then DOTNET_ROOT=$(dirname "$(readlink -f "$(command -v dotnet)")"); export DOTNET_ROOT; fi
if ! command -v dotnet >/dev/null 2>&1 || ! dotnet --list-sdks 2>/dev/null | grep -q '^10\.'; then
  cat >&2 <<'EOF'
Holdfast needs the .NET SDK 10, which is not installed here. Install it in one of these ways, then run this again:

  Debian, Ubuntu:  follow https://learn.microsoft.com/dotnet/core/install/linux, then  apt-get install dotnet-sdk-10.0
  any Linux:       download dotnet-install.sh from https://dot.net/v1/dotnet-install.sh, then  bash dotnet-install.sh --channel 10.0
EOF
  exit 1
fi
