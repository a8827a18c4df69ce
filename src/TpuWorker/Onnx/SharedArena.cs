using Microsoft.ML.OnnxRuntime;

namespace Workflows.TpuWorker.Onnx;

/// <summary>
/// One pool of working memory for all programs of the process. Programs of different shapes run one after the other, so
/// they need the memory of the largest one, not the sum of all.
/// </summary>
internal static class SharedArena
{
    // OrtArenaCfg values: 0 = unlimited, 1 = grow by the requested size, -1 = the runtime's default.
    private const uint Unlimited = 0;
    private const int GrowAsRequested = 1;
    private const int RuntimeDefault = -1;

    private static readonly Lazy<OrtEnv> Environment = new(Register);

    /// <summary>Makes a session allocate from the shared pool, which the first call creates.</summary>
    /// <param name="options">The session's options, before it is created.</param>
    public static void Use(SessionOptions options)
    {
        _ = Environment.Value;
        options.AddSessionConfigEntry("session.use_env_allocators", "1");
    }

    private static OrtEnv Register()
    {
        using var memory = new OrtMemoryInfo(
            OrtMemoryInfo.allocatorCPU, OrtAllocatorType.ArenaAllocator, 0, OrtMemType.Default);
        using var arena = new OrtArenaCfg(Unlimited, GrowAsRequested, RuntimeDefault, RuntimeDefault);
        var environment = OrtEnv.Instance();
        environment.CreateAndRegisterAllocator(memory, arena);
        return environment;
    }
}
