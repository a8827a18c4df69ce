namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>A stage of the work on a device, besides steps and texts.</summary>
/// <param name="Text">A line for people.</param>
/// <param name="IsCompiling">true while a program is compiled, which may take many minutes.</param>
/// <param name="Ready">The program that is ready; null for none.</param>
public sealed record ExecutorStage(string Text, bool IsCompiling = false, ProgramReady? Ready = null);

/// <summary>A program that the device can run.</summary>
/// <param name="Seconds">Time that compiling or loading took.</param>
/// <param name="WasLoaded">true if it was compiled before, by another process or machine.</param>
public sealed record ProgramReady(double Seconds, bool WasLoaded);
