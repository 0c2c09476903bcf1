#!/bin/sh
# What tests need from the system's packages, never downloaded: Chromium and fonts with Chinese characters for the
# browser tests, PgBouncer for those of the pooler.
missing=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="chromium"
fc-list :lang=zh 2>/dev/null | grep -q . || missing="$missing fonts-noto-cjk fontconfig"
PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v pgbouncer >/dev/null 2>&1 || missing="$missing pgbouncer"
missing=$(echo $missing)
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing $missing from the system's packages …"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null && exit 0
fi
echo "The tests need: $missing"
echo "Type:  sudo apt-get update && sudo apt-get install -y $missing"
exit 1
