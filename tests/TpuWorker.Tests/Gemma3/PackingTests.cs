using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class PackingTests
{
    public static TheoryData<string> WithPacked => Fixtures.With("packed.safetensors");

    public static TheoryData<string> WithGradients => Fixtures.With("gradients.safetensors");

    [Theory]
    [MemberData(nameof(WithPacked))]
    public void Pass_ReferenceSequencesInOneRow_EqualsEachAlone(string name)
    {
        var folder = Fixtures.Folder(name);
        var model = Gemma3Checkpoint.Load(folder);
        var reference = Fixtures.Read(folder, "packed.safetensors");
        var texts = Enumerable.Range(0, reference.Count / 2)
            .Select(i => reference[$"input_ids.{i}"].Ints).ToArray();
        var size = new GraphSize(1, texts.Sum(text => text.Length) + 3, 0, HasRowMasks: true);
        var graph = new Gemma3Graph(model.Config, size);
        graph.Graph.Output("logits", graph.Logits(graph.HiddenStates(model.EmbeddingNormalizer)[^1]));
        using var pass = new BoundPass(new OnnxProgram(graph.Graph, 2), size, model.Config, model.Parameters);
        var logits = pass.Program.AllocateOutputs()["logits"].Floats;

        pass.PlaceTexts(0, [.. texts.Select(text => text.Length)]);
        texts.SelectMany(text => text).ToArray().CopyTo(pass.Tokens, 0);
        pass.Program.Run();

        var begin = 0;
        for (var i = 0; i < texts.Length; i++)
        {
            var count = texts[i].Length * model.Config.VocabularySize;
            Compare.Close(reference[$"logits.{i}"].Floats, logits.AsSpan(begin, count), 1e-4, $"sequence {i}");
            begin += count;
        }
    }

    [Theory]
    [MemberData(nameof(WithGradients))]
    public void GradientProgram_PackedReferenceBatch_EqualsTransformers(string name)
    {
        var folder = Fixtures.Folder(name);
        var (model, examples) = (Gemma3Checkpoint.Load(folder), Fixtures.Examples(folder));
        var layout = BatchLayout.Packed(examples);

        var (loss, answers, gradients) = Run(model, layout);

        var lengths = examples.Select(example => example.Tokens.Length).Order().ToArray();
        Assert.True(
            layout.Rows.Count < examples.Length || lengths[0] + lengths[1] > lengths[^1], "nothing shares a row");
        Assert.Equal(Fixtures.Read(folder, "forward.safetensors")["loss"].Floats[0], loss / answers, 1e-4);
        foreach (var (parameter, expected) in Fixtures.Read(folder, "gradients.safetensors"))
        {
            var mean = Array.ConvertAll(gradients[parameter].Floats, value => value / answers);
            Compare.Close(expected.Floats, mean, 1e-4, parameter);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void GradientProgram_RandomBatches_PackedEqualsUnpacked(int seed)
    {
        var random = new Random(seed);
        var model = Gemma3Checkpoint.CreateRandom(
            Models.Tiny with { InitializerRange = 0.2, SlidingWindow = 2 + (seed * 2) }, (ulong)seed);
        var examples = Enumerable.Range(0, 9).Select(_ =>
        {
            var tokens = Enumerable.Range(0, random.Next(2, 40)).Select(_ => random.Next(1, 96)).ToArray();
            return new TrainingExample(tokens, random.Next(1, tokens.Length));
        }).ToArray();

        var (loss, answers, gradients) = Run(model, BatchLayout.Alone(examples, examples.Length));
        var packed = Run(model, BatchLayout.Packed(examples));

        Assert.Equal(answers, packed.Answers);
        Assert.Equal(loss / answers, packed.Loss / answers, 1e-5);
        Assert.All(gradients, entry =>
            Compare.Close(entry.Value.Floats, packed.Gradients[entry.Key].Floats, 2e-5, entry.Key));
    }

    [Fact]
    public void Packed_ManyLengths_PlacesEachOnceWithinTheRows()
    {
        var random = new Random(9);
        var examples = Enumerable.Range(0, 60)
            .Select(_ => new TrainingExample(new int[random.Next(2, 50)], 1)).ToArray();

        var layout = BatchLayout.Packed(examples);

        Assert.Equal(
            examples.OrderBy(e => e.Tokens.Length).Select(e => e.Tokens),
            layout.Rows.SelectMany(row => row).OrderBy(e => e.Tokens.Length).Select(e => e.Tokens));
        Assert.All(layout.Rows, row => Assert.InRange(row.Sum(BatchLayout.Positions), 1, layout.Shape.Length));
        var needed = examples.Sum(BatchLayout.Positions);
        Assert.InRange(layout.Shape.Batch * layout.Shape.Length, needed, needed * 1.25);
    }

    [Fact]
    public void Run_Packed_LearnsWhatTheUnpackedLearns()
    {
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny, 4);
        var examples = Enumerable.Range(0, 23)
            .Select(i => (Kind: i % 3, Length: 2 + (i % 9)))
            .Select(e => new TrainingExample([2, 20 + e.Kind, 30, .. Enumerable.Repeat(10 + e.Kind, e.Length), 1], 3))
            .ToArray();
        List<double> Losses(bool pack)
        {
            using var temporary = new TemporaryFolder();
            var options = new FineTuneOptions { Steps = 8, BatchSize = 5, LearningRate = 1e-3, Pack = pack };
            using var tuner = new FineTuner(model, options, examples);
            var losses = new List<double>();
            tuner.Run(temporary["run"], step => losses.Add(step.Loss), default);
            return losses;
        }

        Assert.All(Losses(false).Zip(Losses(true)), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    private static (double Loss, int Answers, Dictionary<string, HostTensor> Gradients) Run(
        Gemma3Checkpoint model, BatchLayout layout)
    {
        var gradients = model.Parameters.ToDictionary(
            entry => entry.Key, entry => HostTensor.Zeros(DType.Float32, entry.Value.Shape));
        using var program = new GradientProgram(
            model.Config, model.EmbeddingNormalizer, layout.Shape, 2, model.Parameters, gradients);
        var (loss, answers) = program.Run(layout, 0);
        return (loss, answers, gradients);
    }
}
