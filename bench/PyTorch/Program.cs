// Full fine-tuning and greedy decoding, ours and transformers' operations on PyTorch in turn, in one process, on as
// many threads, with the same random weights: prints the medians and the median ratio. Rounds beside other programs'
// work are left out where three quiet ones are left, and counted where they are not. LibTorch's .NET shim wants the C++
// library of GCC 13 or newer. Arguments, all optional: tiny | mid, train | decode | products, --threads N, --rounds N.
using TorchSharp;
using Workflows.PyTorch.Bench;
using Workflows.Training.Bench;

var threads = Option("--threads", 2);
var rounds = Option("--rounds", 15);
torch.set_num_threads(threads);
var chosen = BenchConfiguration.All.Where(each => args.Contains(each.Name)).ToArray();
bool Wants(string what) =>
    args.Contains(what) || !args.Any(argument => argument is "train" or "decode" or "products");

foreach (var configuration in chosen.Length == 0 ? BenchConfiguration.All : chosen)
{
    Console.WriteLine($"{configuration.Name}: {configuration.Parameters / 1e6:f1} M parameters, {threads} threads");
    if (Wants("products"))
    {
        ProductSide.Run(configuration, threads);
    }

    if (Wants("train"))
    {
        // A round of the small model is several steps, so that neither side always finds the other's data in the cache.
        TrainingSide.Run(configuration, threads, rounds, configuration.Steps > 10 ? 8 : 1);
    }

    if (Wants("decode"))
    {
        DecodingSide.Run(configuration, threads, 1, rounds);
        DecodingSide.Run(configuration, threads, 16, rounds);
    }
}

int Option(string name, int fallback)
{
    var at = Array.IndexOf(args, name);
    return at < 0 ? fallback : int.Parse(args[at + 1], System.Globalization.CultureInfo.InvariantCulture);
}
