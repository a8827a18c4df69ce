using TorchSharp.Modules;
using Workflows.ModelFiles;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Model;
using static TorchSharp.torch;

namespace Workflows.PyTorch.Bench;

/// <summary>A model in PyTorch with the weights of one of ours: full fine-tuning, and greedy generation.</summary>
internal sealed class Peer : IDisposable
{
    private const long GlobalPeriod = Gemma3Config.DefaultGlobalLayerPeriod;

    private readonly Gemma3Config _config;
    private readonly float _scale;
    private readonly jit.CompilationUnit _script = jit.compile(PeerScript.Source);
    private readonly Tensor[] _weights;
    private readonly Tensor[] _frequencies;
    private Tensor[]? _first;
    private Tensor[]? _second;
    private Tensor[]? _steps;

    public Peer(Gemma3Checkpoint model)
    {
        (_config, _scale) = (model.Config, model.EmbeddingNormalizer);
        _weights = [.. Gemma3Parameters.All(_config).Select(each => new Parameter(tensor(
            model.Parameters[each.Name].Floats, [.. each.Shape.Dimensions.ToArray().Select(size => (long)size)])))];
        _frequencies = [Frequencies(_config.LocalRopeTheta), Frequencies(_config.GlobalRopeTheta)];
    }

    /// <summary>
    /// Forward, backward, clipping at 1 and AdamW as transformers' Trainer has them; returns the loss.
    /// </summary>
    /// <param name="ids">[B, S].</param>
    /// <param name="labels">[B, S], what stands one position later.</param>
    /// <param name="rate">Learning rate.</param>
    public float Step(Tensor ids, Tensor labels, double rate)
    {
        using var scope = NewDisposeScope();
        var loss = _script.invoke<Tensor>(
            "loss", ids, labels, _weights, _frequencies, GlobalPeriod,
            (long)_config.HeadDimension, (double)_scale);
        loss.backward();
        using (no_grad())
        {
            var gradients = Array.ConvertAll(_weights, weight => weight.grad!);
            _script.invoke("clip", gradients, 1.0);
            _first ??= Array.ConvertAll(_weights, weight => zeros_like(weight).DetachFromDisposeScope());
            _second ??= Array.ConvertAll(_weights, weight => zeros_like(weight).DetachFromDisposeScope());
            _steps ??= Array.ConvertAll(_weights, _ => zeros(1).DetachFromDisposeScope());
            _script.invoke("update", _weights, gradients, _first, _second, _steps, rate);
        }

        foreach (var weight in _weights)
        {
            weight.grad = null;
        }

        return loss.item<float>();
    }

    /// <summary>Greedy generation of as many tokens for every prompt.</summary>
    public int[][] Generate(int[][] prompts, int newTokens)
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        var ids = tensor(
            prompts.SelectMany(each => each).Select(id => (long)id).ToArray(), prompts.Length, prompts[0].Length);
        var cache = Array.Empty<Tensor>();
        var results = Array.ConvertAll(prompts, _ => new int[newTokens]);
        for (var i = 0; i < newTokens; i++)
        {
            var done = _script.invoke<Tensor[]>(
                "forward", ids, _weights, _frequencies, GlobalPeriod, cache,
                (long)_config.HeadDimension, (double)_scale, true);
            ids.Dispose();
            Array.ForEach(cache, each => each.Dispose());
            using var scores = done[0];
            cache = done[1..];
            ids = scores.argmax(-1, false);
            var chosen = ids.data<long>();
            for (var row = 0; row < prompts.Length; row++)
            {
                results[row][i] = (int)chosen[row];
            }
        }

        return results;
    }

    public void Dispose()
    {
        Tensor[] all = [.. _weights, .. _frequencies, .. _first ?? [], .. _second ?? [], .. _steps ?? []];
        foreach (var each in all)
        {
            each.Dispose();
        }

        _script.Dispose();
    }

    private Tensor Frequencies(double theta)
    {
        using var exponents = arange(0, _config.HeadDimension, 2, ScalarType.Float32) / _config.HeadDimension;
        return 1.0 / pow(theta, exponents);
    }
}
