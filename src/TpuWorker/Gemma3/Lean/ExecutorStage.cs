namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>A stage of the work on a device, besides steps and texts.</summary>
/// <param name="Text">For people.</param>
/// <param name="IsCompiling">True while a program is compiled, which may take many minutes.</param>
public sealed record ExecutorStage(string Text, bool IsCompiling = false);
