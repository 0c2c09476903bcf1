#!/bin/sh
# The browser tests need Chromium and fonts with Chinese characters: from the system's packages, never downloaded.
missing=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="chromium"
fc-list :lang=zh 2>/dev/null | grep -q . || missing="$missing fonts-noto-cjk"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing from the system's packages …"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing fontconfig >/dev/null && exit 0
fi
echo "The browser tests need: $missing"
echo "Type:  sudo apt-get update && sudo apt-get install -y $missing fontconfig"
exit 1
