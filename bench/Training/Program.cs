// Full fine-tuning and greedy decoding of two configurations with random weights, and in the same run the product peak
// of the machine: fp32 matrix products as the program runs them. Prints tokens/s, the model's FLOP/s, and its share of
// the peak. With "plugin" the same through a PJRT plugin, taking turns with ONNX Runtime. bench/PyTorch measures beside
// a peer. Arguments, all optional: tiny | mid | 270m | 1b-lora, train | decode | peak | plugin, --threads N, --steps N,
// --tokens N. The two published sizes are measured only if they are named. Memory: 270m train 17 GB and plugin 19 GB
// (one training after the other), 1b-lora train 10 GB and plugin 19 GB.
using Workflows.Training.Bench;

var threads = Option("--threads", 2);
var steps = Option("--steps", 0);
var tokens = Option("--tokens", 0);
var chosen = BenchConfiguration.All.Concat(BenchConfiguration.Large).Where(each => args.Contains(each.Name)).ToArray();
bool Wants(string what) =>
    args.Contains(what) || !args.Any(argument => argument is "train" or "decode" or "peak" or "plugin");

foreach (var configuration in chosen.Length == 0 ? BenchConfiguration.All : chosen)
{
    Console.WriteLine($"{configuration.Name}: {configuration.Parameters / 1e6:f1} M parameters, {threads} threads");
    if (Wants("train"))
    {
        TrainingBench.Run(configuration, threads, steps > 0 ? steps : configuration.Steps);
    }
    else if (Wants("peak"))
    {
        using var peak = new ProductPeak(configuration, threads);
        peak.Print();
    }

    if (args.Contains("plugin"))
    {
        PluginBench.Run(
            configuration, threads, steps > 0 ? steps : configuration.Steps,
            tokens > 0 ? tokens : configuration.NewTokens);
    }

    if (Wants("decode"))
    {
        DecodingBench.Run(configuration, threads, 1, tokens > 0 ? tokens : configuration.NewTokens);
        DecodingBench.Run(configuration, threads, 16, tokens > 0 ? tokens : configuration.NewTokens);
    }
}

int Option(string name, int fallback)
{
    var at = Array.IndexOf(args, name);
    return at < 0 ? fallback : int.Parse(args[at + 1], System.Globalization.CultureInfo.InvariantCulture);
}
