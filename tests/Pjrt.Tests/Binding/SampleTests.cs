using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Workflows.ModelFiles;
using Workflows.TpuWorker.Pjrt;

namespace Workflows.Pjrt.Tests.Binding;

/// <summary>Programs as JAX prints them, with the inputs and outputs that JAX had, through a real plugin.</summary>
public sealed class SampleTests
{
    private const double Tolerance = 1e-4;

    [Theory]
    [InlineData("forward")]
    [InlineData("loss_gradient")]
    [InlineData("training_step")]
    public async Task Execute_OfASample_GivesItsOutputs(string name)
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var sample = Sample.Open(name);
        var program = sample.Compile(client);
        var inputs = sample.Upload(client);

        using var execution = program.Execute(inputs);
        await execution.Completed;

        var wanted = sample.Outputs;
        var outputs = execution.Outputs[0];
        Assert.Equal(wanted.Count, outputs.Count);
        for (var index = 0; index < wanted.Count; index++)
        {
            var actual = new float[outputs[index].Shape.Bytes / sizeof(float)];
            outputs[index].Download<float>(actual);
            AssertNear(wanted[index], actual, $"out.{index:000}");
        }

        inputs.ForEach(input => input.Dispose());
    }

    [Fact]
    public async Task Execute_OfADonatingStep_PutsItsOutputsIntoItsArguments()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var sample = Sample.Open("training_step");
        var program = sample.Compile(client);
        var inputs = sample.Upload(client);
        var donated = sample.Donated.Select(index => inputs[index]).ToList();
        var kept = inputs.Except(donated).ToList();
        var bytes = donated.Sum(input => input.Shape.Bytes);

        using var execution = program.Execute(inputs);
        await execution.Completed;

        Assert.Equal(bytes, program.Executable.ReadMemory()!.Aliased);
        Assert.True(donated.Count > 10, $"Only {donated.Count} arguments of the sample are donated.");
        Assert.All(donated, input => Assert.True(input.IsDeleted));
        Assert.All(kept, input => Assert.False(input.IsDeleted));
        var again = Assert.Throws<PjrtException>(() => program.Execute(inputs));
        Assert.Equal(PjrtErrorCode.InvalidArgument, again.Code);
        Assert.Contains("donated", again.Text, StringComparison.Ordinal);
        inputs.ForEach(input => input.Dispose());
    }

    [Fact]
    public async Task Execute_WithAVeto_LeavesTheArguments()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var sample = Sample.Open("training_step");
        var program = sample.Compile(client);
        var inputs = sample.Upload(client);

        using var execution = program.Execute(
            inputs, new PjrtExecuteOptions { NotDonated = [.. Enumerable.Range(0, inputs.Count)] });
        await execution.Completed;

        Assert.All(inputs, input => Assert.False(input.IsDeleted));
        inputs.ForEach(input => input.Dispose());
    }

    [Fact]
    public async Task Load_OfASerializedExecutable_GivesTheSameOutputs()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        using var sample = Sample.Open("forward");
        var compiled = sample.Compile(client);
        var bytes = compiled.Executable.Serialize();
        var inputs = sample.Upload(client);

        using var loaded = client.Load(bytes);
        using var execution = loaded.Execute(inputs);

        var actual = new float[execution.Outputs[0][0].Shape.Bytes / sizeof(float)];
        execution.Outputs[0][0].Download<float>(actual);
        AssertNear(sample.Outputs[0], actual, "out.000");
        Assert.Equal(compiled.Executable.OutputCount, loaded.Executable.OutputCount);
        inputs.ForEach(input => input.Dispose());
    }

    private static void AssertNear(float[] wanted, float[] actual, string name)
    {
        Assert.Equal(wanted.Length, actual.Length);
        var largest = wanted.Max(Math.Abs);
        for (var index = 0; index < wanted.Length; index++)
        {
            Assert.True(
                Math.Abs(wanted[index] - actual[index]) <= Tolerance * Math.Max(largest, 1e-6),
                $"{name}[{index}] is {actual[index]}, wanted {wanted[index]}.");
        }
    }

    /// <summary>A program's text with its inputs and outputs.</summary>
    private sealed class Sample : IDisposable
    {
        private static readonly ConcurrentDictionary<string, Lazy<PjrtLoadedExecutable>> Compiled = new();

        private readonly SafetensorsFile _tensors;

        private Sample(string program, SafetensorsFile tensors) => (Program, _tensors) = (program, tensors);

        public string Program { get; }

        /// <summary>Gets the numbers of the arguments that an output takes the memory of.</summary>
        public IEnumerable<int> Donated => Enumerable.Range(0, Count("in."))
            .Where(index => Program.Split($"%arg{index}: ")[1].Split('%')[0]
                .Contains("tf.aliasing_output", StringComparison.Ordinal));

        public List<float[]> Outputs => [.. Enumerable.Range(0, Count("out."))
            .Select(index => MemoryMarshal.Cast<byte, float>(Bytes(Tensor($"out.{index:000}"))).ToArray())];

        public static Sample Open(string name) => new(
            File.ReadAllText(CpuPlugin.SampleOrSkip($"{name}.mlir")),
            SafetensorsFile.Open(CpuPlugin.SampleOrSkip($"{name}.safetensors")));

        /// <summary>Compiles the program once for all tests: the training step takes many seconds.</summary>
        public PjrtLoadedExecutable Compile(PjrtClient client) =>
            Compiled.GetOrAdd(Program, text => new(() => client.Compile(text))).Value;

        public List<PjrtBuffer> Upload(PjrtClient client) =>
            [.. Enumerable.Range(0, Count("in.")).Select(index => Upload(client, index))];

        public void Dispose() => _tensors.Dispose();

        private PjrtBuffer Upload(PjrtClient client, int index)
        {
            var stored = Tensor($"in.{index:000}");

            // Scalars are stored with one dimension; the text says which they are.
            var text = Program.Split($"%arg{index}: tensor<")[1].Split('>')[0];
            var isScalar = !text.Contains('x', StringComparison.Ordinal);
            var type = stored.Type == "I32" ? PjrtElementType.S32 : PjrtElementType.F32;
            long[] sizes = isScalar ? [] : [.. stored.Shape.Select(size => (long)size)];
            return client.Upload<byte>(Bytes(stored), type, sizes);
        }

        private StoredTensor Tensor(string name) => _tensors.Find(name);

        private byte[] Bytes(StoredTensor stored)
        {
            var bytes = new byte[stored.End - stored.Begin];
            _tensors.Read(stored, 0, bytes);
            return bytes;
        }

        private int Count(string prefix) =>
            _tensors.Tensors.Keys.Count(name => name.StartsWith(prefix, StringComparison.Ordinal));
    }
}
