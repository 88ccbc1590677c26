#pragma once

/// How the process ends when it is told to, or when memory runs out where no code of ours stands. In force before any library is initialised: LibTorch
/// takes a sixth of a second for that.
namespace halftone {

/// SIGINT, SIGTERM and SIGHUP end the process at once, as cancelled (130), until this is called. From then on the first of them writes a byte to
/// `descriptor`, and the second ends the process at once, whatever its threads wait for. What is on disk is valid at any time. A signal that was ignored
/// when the process began (nohup) stays ignored.
void wakeOnFirstSignal(int descriptor);

/// From here until endsByItself(), exit() is called by nobody but a library that cannot go on: OpenMP's does so when a thread gets no memory for its
/// stack. It is told as what it is, out of memory (4).
void expectNoExit();
/// Before main returns.
void endsByItself();

} // namespace halftone
