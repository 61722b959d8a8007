// Sound, full screen and a screen that stays on, for a page that hangs beside the press.
"use strict";
(() => {
  const sound = document.getElementById("sound");
  const full = document.getElementById("full");
  const TONES = { open: [660, 880], best: [660, 880], overdue: [440, 440, 440], early: [330, 330, 330], hold: [330, 330] };
  let audio = null;

  function isOn() {
    return sound.getAttribute("aria-pressed") === "true";
  }

  function beep(tones) {
    if (!isOn() || !audio || audio.state !== "running") return;
    tones.forEach((hertz, n) => {
      const tone = audio.createOscillator();
      const loudness = audio.createGain();
      const begin = audio.currentTime + 0.35 * n;
      tone.frequency.value = hertz;
      loudness.gain.setValueAtTime(0.0001, begin);
      loudness.gain.exponentialRampToValueAtTime(0.4, begin + 0.03);
      loudness.gain.exponentialRampToValueAtTime(0.0001, begin + 0.3);
      tone.connect(loudness).connect(audio.destination);
      tone.start(begin);
      tone.stop(begin + 0.32);
    });
  }

  function set(on) {
    sound.setAttribute("aria-pressed", String(on));
    localStorage.setItem("sound", on ? "on" : "");
    if (on) {
      audio = audio || new AudioContext();
      audio.resume();
    }
  }

  sound?.addEventListener("click", () => {
    set(!isOn());
    if (isOn()) audio.resume().then(() => beep(TONES.open));
  });
  if (sound && localStorage.getItem("sound")) set(true); // it begins to sound with the first touch
  document.addEventListener("pointerdown", () => audio?.resume());
  document.addEventListener("mold", (event) => TONES[event.detail] && beep(TONES[event.detail]));

  async function stayOn() {
    try {
      if (document.visibilityState === "visible") await navigator.wakeLock?.request("screen");
    } catch {
      // the browser does not allow it: the screen's own settings decide
    }
  }

  full?.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen().then(stayOn, () => {});
  });
  document.addEventListener("visibilitychange", () => document.fullscreenElement && stayOn());
  document.addEventListener("keydown", (event) => {
    if (event.key === "f" && !event.ctrlKey && !event.metaKey && !/INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) full?.click();
  });
})();
