#pragma once

/// How the process ends when it is told to, or when memory runs out where no code of ours stands. In force before any library is initialised: LibTorch
/// takes a sixth of a second for that.
namespace halftone {

/// SIGINT, SIGTERM and SIGHUP end the process at once, as cancelled (130), until this is called. From then on the first of them writes a byte to
/// `descriptor`, and the second ends the process at once, whatever its threads wait for. What is on disk is valid at any time. A signal that was ignored
/// when the process began (nohup) stays ignored.
void wakeOnFirstSignal(int descriptor);

} // namespace halftone
