using System.Diagnostics;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Host;

namespace Workflows.Training.Bench;

/// <summary>
/// The same training and decoding through a PJRT plugin and through ONNX Runtime, taking turns: a step of one after a
/// step of the other, a round of texts after a round of texts, from the same weights and in one process. A model of
/// which two trainings do not fit is trained by one after the other.
/// </summary>
internal static class PluginBench
{
    // The first steps compile and warm up.
    private const int WarmupSteps = 2;
    private const int Rounds = 3;

    public static void Run(BenchConfiguration configuration, int threads, int steps, int newTokens)
    {
        var file = PjrtPluginFile.Find(given: null, TpuHost.Read().ChipCount > 0, Environment.GetEnvironmentVariable);
        if (file is null)
        {
            Console.WriteLine($"  no plugin: set {PjrtPluginFile.Variable}, or run eng/get-pjrt-plugin.sh cpu");
            return;
        }

        using var client = PjrtClient.Create(PjrtPlugin.Load(file.Path));
        var isProcessor = client.PlatformName == "cpu";
        using var executor = new PjrtExecutor(client, isProcessor ? PrecisionPolicy.Full : PrecisionPolicy.Mixed);
        Console.WriteLine(
            $"  {client.PlatformName} {client.AddressableDevices[0].Kind}, {file.Path}, "
            + $"{(isProcessor ? "single precision" : "bfloat16")}");
        Train(configuration, threads, steps, executor);
        foreach (var batch in (int[])[1, 16])
        {
            Decode(configuration, threads, batch, newTokens, executor);
        }
    }

    private static void Train(BenchConfiguration configuration, int threads, int steps, PjrtExecutor executor)
    {
        // Who waits for no turns has more of them than steps.
        var more = configuration.FitsTwice ? 0 : 2 * (steps + WarmupSteps);
        using var ours = new SemaphoreSlim(1 + more);
        using var theirs = new SemaphoreSlim(more);
        using var peak = new ProductPeak(configuration, threads);
        var squares = new List<double>();
        var model = Gemma3Checkpoint.CreateRandom(configuration.Model, 1);
        var onnx = Task.Run(() => Steps(
            model, configuration, threads, steps, null, ours, theirs, () => squares.Add(peak.OfSquare())));
        if (!configuration.FitsTwice)
        {
            onnx.Wait();
            GC.Collect();
        }

        var plugin = Task.Run(() => Steps(model, configuration, threads, steps, executor, theirs, ours, () => { }));
        Task.WaitAll(onnx, plugin);
        var flop = configuration.TrainingFlopPerToken;
        var (byOnnx, byPlugin) = (onnx.Result, plugin.Result);
        Console.WriteLine(
            $"  training: plugin {Median(byPlugin):f0} tokens/s ({Median(byPlugin) * flop / 1e9:f1} GFLOP/s, "
            + $"{Median(byPlugin) * flop / Median(squares):f2} of the square's peak), ONNX Runtime "
            + $"{Median(byOnnx):f0}; ratio {Median(byPlugin) / Median(byOnnx):f2}; "
            + $"{executor.ProgramCount} programs compiled in {executor.CompileSeconds:f1} s");
    }

    private static List<double> Steps(
        Gemma3Checkpoint model, BenchConfiguration configuration, int threads, int steps, Executor? executor,
        SemaphoreSlim mine, SemaphoreSlim others, Action beside)
    {
        mine.Wait();
        var seen = new List<double>();
        var folder = Directory.CreateTempSubdirectory("plugin-bench-").FullName;
        using (var tuner = new FineTuner(
            model, configuration.Options(steps + WarmupSteps, threads), configuration.Examples(),
            executor: executor))
        {
            tuner.Run(
                Path.Combine(folder, "checkpoints"), step =>
                {
                    seen.Add(step.TokensPerSecond * configuration.Length / (configuration.Length + 1));
                    beside();
                    others.Release();
                    mine.Wait();
                }, default);
        }

        others.Release();
        Directory.Delete(folder, recursive: true);
        return seen[WarmupSteps..];
    }

    private static void Decode(
        BenchConfiguration configuration, int threads, int batch, int newTokens, PjrtExecutor executor)
    {
        var prompts = configuration.Prompts(batch);
        var options = new DecodeOptions { MaxNewTokens = newTokens, BatchSize = batch, StopTokens = [] };
        var model = Gemma3Checkpoint.CreateRandom(configuration.Model, 1);
        using var plugin = executor.CreateDecoder(model);
        using var onnx = new OnnxExecutor(threads).CreateDecoder(model);
        double Seconds(ITextDecoder decoder)
        {
            var started = Stopwatch.GetTimestamp();
            decoder.Generate(prompts, options, null, default);
            return Stopwatch.GetElapsedTime(started).TotalSeconds;
        }

        _ = (Seconds(plugin), Seconds(onnx));
        var (byPlugin, byOnnx) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            byPlugin.Add(batch * newTokens / Seconds(plugin));
            byOnnx.Add(batch * newTokens / Seconds(onnx));
        }

        Console.WriteLine(
            $"  decoding {batch} at once: plugin {Median(byPlugin):f0} tokens/s, ONNX Runtime {Median(byOnnx):f0}; "
            + $"ratio {Median(byPlugin) / Median(byOnnx):f2}");
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
