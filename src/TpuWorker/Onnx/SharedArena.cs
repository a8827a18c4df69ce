using Microsoft.ML.OnnxRuntime;

namespace Workflows.TpuWorker.Onnx;

/// <summary>
/// One pool of working memory for all programs of the process. Programs of different shapes run one after the other,
/// so they need the largest one's memory and not the sum of all.
/// </summary>
internal static class SharedArena
{
    // By the runtime's constants: no limit, grow by what is asked for instead of doubling, its own defaults.
    private const uint Unlimited = 0;
    private const int GrowAsRequested = 1;
    private const int RuntimeDefault = -1;

    private static readonly Lazy<bool> Registered = new(Register);

    public static void Use(SessionOptions options)
    {
        if (Registered.Value)
        {
            options.AddSessionConfigEntry("session.use_env_allocators", "1");
        }
    }

    private static bool Register()
    {
        using var memory = new OrtMemoryInfo(
            OrtMemoryInfo.allocatorCPU, OrtAllocatorType.ArenaAllocator, 0, OrtMemType.Default);
        using var arena = new OrtArenaCfg(Unlimited, GrowAsRequested, RuntimeDefault, RuntimeDefault);
        OrtEnv.Instance().CreateAndRegisterAllocator(memory, arena);
        return true;
    }
}
