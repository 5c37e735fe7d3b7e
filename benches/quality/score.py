#!/usr/bin/env python3
"""Scores the call's Opus settings: how well each voice is heard, and how little of the other one.

Two voices by espeak-ng, the caller left and the agent right, go through mu-law and the encoder that ships
(benches/examples/quality.rs) and are compared with the mu-law that went in:

- PESQ (ITU-T P.862, narrowband) of each side, both speaking at once, and one alone. 4.55 is the most it gives.
- Crosstalk of tones: 450 Hz left, 700 Hz right; how far the other side's tone lies below a side's own.
- Crosstalk of speech: how far the silent side lies below the speaking one.

    python3 -m venv venv && venv/bin/pip install -r benches/quality/requirements.txt
    cargo build --workspace --release --example quality
    venv/bin/python benches/quality/score.py target/release/examples/quality
"""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from pesq import pesq
from scipy.io import wavfile
from scipy.signal import butter, resample_poly, sosfilt

RATE = 8000
SECONDS = 12
# Voice, words a minute, pitch, and what is said: a caller, then an agent.
PAIRS = [
    (
        ("en-us+m3", 165, 40, "Hello, I am calling about my order from last Thursday. The parcel came this morning, but one of the three boxes was open, and the blue lamp inside was broken. I would like a new one, please, or my money back."),
        ("en-gb+f2", 175, 60, "Good afternoon, and thank you for waiting. Could you give me the number that is printed above the address? It begins with two letters, and six or seven figures follow. Yes, I can see it here on my screen now."),
    ),
    (
        ("en-gb+f4", 155, 70, "My appointment is at a quarter past nine on Friday, and I shall be out of town then. Is there anything free early next week? Wednesday would be best, in the afternoon, if the doctor is in."),
        ("en-us+m7", 180, 35, "Let me just have a look. We have half past two, ten to four, and one at five o'clock. Shall I put you down for the first of those? You will get a short message the day before, so that you do not forget."),
    ),
    (
        ("en-us+f3", 190, 55, "The router has been blinking red since the storm. I switched it off, I waited five minutes, I switched it on again. Nothing changes. My neighbour upstairs has the same box, and hers works very well."),
        ("en-gb+m1", 150, 45, "That sounds like the fibre between the street and your house. I am going to measure the line; it takes about thirty seconds, and you may hear a click. Please leave everything as it is until I speak to you again."),
    ),
]


def speech(voice, words, pitch, text):
    """Telephone speech: 8 kHz, 300 to 3400 Hz, at -22 dB of full scale."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        command = ["espeak-ng", "-v", voice, "-s", str(words), "-p", str(pitch), "-w", wav.name, text]
        subprocess.run(command, check=True)
        rate, pcm = wavfile.read(wav.name)
    pcm = resample_poly(pcm.astype(float), RATE, rate)
    pcm = sosfilt(butter(4, [300, 3400], "bandpass", fs=RATE, output="sos"), pcm)
    pcm = np.resize(pcm, SECONDS * RATE)
    active = pcm[np.abs(pcm) > np.abs(pcm).max() / 50]
    return pcm * (32768 * 10 ** (-22 / 20) / np.sqrt(np.mean(active**2)))


def write(path, pcm):
    np.clip(np.round(pcm), -32768, 32767).astype("<i2").tofile(path)


def read(path):
    return np.fromfile(path, "<i2").astype(float)


def encode(program, folder, left, right):
    """What becomes of two voices, by setting: the program's line, and both sides."""
    write(folder / "left.raw", left)
    write(folder / "right.raw", right)
    lines = subprocess.run([program, folder], check=True, capture_output=True, text=True).stdout
    settings = [json.loads(line) for line in lines.splitlines()]
    for setting in settings:
        setting["sides"] = [read(folder / f"{setting['name']}.{side}.raw") for side in ("left", "right")]
    return settings, [read(folder / f"reference.{side}.raw") for side in ("left", "right")]


def strength(pcm, hertz):
    return abs(np.dot(pcm, np.exp(-2j * np.pi * hertz * np.arange(len(pcm)) / RATE)))


def below(quiet, loud):
    return 20 * np.log10(loud / max(quiet, 1e-9))


def main():
    program = Path(sys.argv[1]).resolve()
    scores = {}

    def note(setting, **values):
        row = scores.setdefault(setting["name"], {"default": setting["default"]})
        for key, value in values.items():
            row.setdefault(key, []).append(value)

    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor() as pool:
        folder = Path(scratch)

        def judge(jobs):
            results = pool.map(lambda job: pesq(RATE, job[0], job[1], "nb"), [job[2:] for job in jobs])
            for (setting, key, *_), value in zip(jobs, results):
                note(setting, **{key: value})

        for caller, agent in PAIRS:
            left, right = speech(*caller), speech(*agent)
            settings, references = encode(program, folder, left, right)
            for setting in settings:
                note(setting, micros=setting["micros"], kbits_both=setting["kbits"])
            judge([(s, "both", ref, side) for s in settings for ref, side in zip(references, s["sides"])])

            for talking in (0, 1):
                voices = [left, right]
                voices[1 - talking] = np.zeros_like(left)
                settings, references = encode(program, folder, *voices)
                judge([(s, "alone", references[talking], s["sides"][talking]) for s in settings])
                for s in settings:
                    loud, quiet = (np.sqrt(np.mean(s["sides"][i] ** 2)) for i in (talking, 1 - talking))
                    note(s, speech=below(quiet, loud), kbits_alone=s["kbits"])

        time = np.arange(4 * RATE) / RATE
        # Equal, and one much louder than the other.
        for caller, agent in [(8000, 8000), (8000, 800), (800, 8000)]:
            tones = caller * np.sin(2 * np.pi * 450 * time), agent * np.sin(2 * np.pi * 700 * time)
            settings, _ = encode(program, folder, *tones)
            for s in settings:
                left, right = (side[RATE : 3 * RATE] for side in s["sides"])
                # How far a tone lies below itself, on the side where it should not be.
                of_caller = below(strength(right, 450), strength(left, 450))
                of_agent = below(strength(left, 700), strength(right, 700))
                if caller == agent:
                    note(s, equal=min(of_caller, of_agent))
                elif caller > agent:
                    note(s, loud=of_caller, soft=of_agent)
                else:
                    note(s, loud=of_agent, soft=of_caller)

    print("| setting | µs | kbit/s, both / one speaking | PESQ both, worst | both, mean | one, worst | crosstalk of equal tones, dB | of the louder | of the softer | of speech |")
    print("|---" * 10 + "|")
    for name, row in scores.items():
        cells = [
            f"**{name}**" if row["default"] else name,
            f"{np.mean(row['micros']):.1f}",
            f"{np.mean(row['kbits_both']):.0f} / {np.mean(row['kbits_alone']):.0f}",
            f"{min(row['both']):.2f}",
            f"{np.mean(row['both']):.2f}",
            f"{min(row['alone']):.2f}",
            f"{min(row['equal']):.0f}",
            f"{min(row['loud']):.0f}",
            f"{min(row['soft']):.0f}",
            f"{min(row['speech']):.0f}",
        ]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
