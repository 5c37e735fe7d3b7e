#!/bin/sh
# Makes the conversations of the load test: each <name>.txt becomes <name>-caller.ulaw and
# <name>-agent.ulaw, 8 kHz mu-law without a header, equally long, one silent while the other speaks.
#
# A text names for each side the espeak-ng voice, the words a minute and the pitch, then the turns. The
# same text gives the same bytes: no dither, no clock, no chance. The level of each turn is set to
# -20 dBFS RMS; a turn whose peak would pass -1 dBFS ends the run.
#
# Needs espeak-ng and sox (Debian: apt-get install espeak-ng sox).
set -eu
cd "$(dirname "$0")"
LC_ALL=C
export LC_ALL

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

rate=8000
before=2400  # samples of silence before the first turn
between=3200 # between two turns
after=6400   # after the last turn, so that a loop has a pause

# silence <samples> <file>
silence() {
    sox -D -r $rate -n -b 16 -c 1 "$2" trim 0 "$1s"
}

# stat_of <file> <line of sox stats>
stat_of() {
    sox "$1" -n stats 2>&1 | sed -n "s/^$2 *//p"
}

# turn <file> <voice> <words a minute> <pitch> <text>: one utterance, trimmed and levelled.
turn() {
    printf '%s\n' "$5" | espeak-ng -v "$2" -s "$3" -p "$4" --stdin -w "$work/said.wav"
    # The compressor takes the edge off: speech from a synthesiser peaks 20 dB above its mean.
    sox -D "$work/said.wav" -r $rate -b 16 -c 1 "$work/narrow.wav" gain -6 highpass 150 lowpass 3600 \
        silence 1 0.01 0.2% reverse silence 1 0.01 0.2% reverse \
        gain -n -1 compand 0.002,0.06 6:-70,-70,-24,-24,0,-20 0 -90 0.002 gain -n -6
    gain=$(stat_of "$work/narrow.wav" 'RMS lev dB' | awk '{ print -20 - $1 }')
    sox -D "$work/narrow.wav" "$1" gain "$gain"
    peak=$(stat_of "$1" 'Pk lev dB')
    if awk "BEGIN { exit !($peak > -1) }"; then
        echo "$1: peak of $peak dBFS: $5" >&2
        exit 1
    fi
}

for text in *.txt; do
    name=${text%.txt}
    n=1000
    silence $before "$work/caller-$n.wav"
    silence $before "$work/agent-$n.wav"
    while IFS= read -r line; do
        case $line in
        'caller '*) caller=${line#caller } ;;
        'agent '*) agent=${line#agent } ;;
        'caller: '* | 'agent: '*)
            side=${line%%:*}
            case $side in
            caller) other=agent voice=$caller ;;
            agent) other=caller voice=$agent ;;
            esac
            n=$((n + 1))
            # The voice is three words, to be split.
            # shellcheck disable=SC2086
            turn "$work/$side-$n.wav" $voice "${line#*: }"
            silence "$(soxi -s "$work/$side-$n.wav")" "$work/$other-$n.wav"
            n=$((n + 1))
            silence $between "$work/caller-$n.wav"
            silence $between "$work/agent-$n.wav"
            ;;
        esac
    done <"$text"
    # Whole frames of 20 ms, so that a loop begins on a frame.
    spoken=$(soxi -s "$work/caller-"*.wav | awk '{ n += $1 } END { print n }')
    n=$((n + 1))
    silence $((after + 160 - spoken % 160)) "$work/caller-$n.wav"
    silence $((after + 160 - spoken % 160)) "$work/agent-$n.wav"
    for side in caller agent; do
        sox -D "$work/$side-"*.wav -t raw -r $rate -c 1 -e mu-law -b 8 "$name-$side.ulaw"
    done
    rm "$work"/*.wav
    echo "$name: $(($(wc -c <"$name-caller.ulaw") / rate)) s"
done
