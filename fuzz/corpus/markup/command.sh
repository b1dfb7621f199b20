$ cd "/a b" && FOO=$BAR grep -r 'x' . | sort >out 2>&1; cat <<'EOF'
$no
EOF
echo "$(date +%s) ${x:-`ls`}" # words
for i in 1 2; do :; done & "open
