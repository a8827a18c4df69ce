using Workflows.Activities.Artifacts;
using Workflows.Artifacts;
using Workflows.ModelFiles;

namespace Workflows.Activities.Tests.Artifacts;

/// <summary>A view of a model is to its readers what the model is.</summary>
public sealed class ModelViewTests : RunFolder
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Create_OfTheSample_IsReadAsTheModelItselfWithoutItsWeights()
    {
        var store = new CountingStore();
        var view = await CreateAsync(store, SampleModel);

        using var real = ModelFolder.Open(SampleModel).OpenWeights();
        using var seen = ModelFolder.Open(view).OpenWeights();

        Assert.Equal((real.Bytes, real.FileCount, real.Precision), (seen.Bytes, seen.FileCount, seen.Precision));
        Assert.Equal(
            ModelFolder.Open(SampleModel).LoadTokenizer().VocabularySize,
            ModelFolder.Open(view).LoadTokenizer().VocabularySize);
        Assert.True(store.WeightBytesRead < real.Bytes / 10, $"{store.WeightBytesRead} bytes of the weights were read");
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 1, 2, 3 })]
    [InlineData(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, 1 })]
    [InlineData(new byte[] { 4, 0, 0, 0, 0, 0, 0, 0, 123, 34, 34, 34 })]
    public async Task Create_OfDamagedWeights_IsRefusedAsTheFileItselfIs(byte[] weights)
    {
        var model = Directory.CreateDirectory(Path.Combine(Folder, "damaged")).FullName;
        File.Copy(Path.Combine(SampleModel, "config.json"), Path.Combine(model, "config.json"));
        await File.WriteAllBytesAsync(Path.Combine(model, "model.safetensors"), weights, Cancellation);

        var view = await CreateAsync(new CountingStore(), model);

        var real = Assert.Throws<ModelFileException>(() => ModelFolder.Open(model).OpenWeights());
        var seen = Assert.Throws<ModelFileException>(() => ModelFolder.Open(view).OpenWeights());
        Assert.Equal(real.Problem, seen.Problem);
    }

    private async Task<string> CreateAsync(IArtifactStore store, string model)
    {
        var address = ArtifactUri.OfFile(model);
        var view = Path.Combine(Folder, "view");
        await ModelView.CreateAsync(
            store, new ModelSource(address, await TextModelFiles.ChooseAsync(store, address, Cancellation)), view,
            Cancellation);
        return view;
    }

    /// <summary>Counts what is read of weights.</summary>
    private sealed class CountingStore : IArtifactStore
    {
        private readonly FileArtifactStore _files = new();

        public long WeightBytesRead { get; private set; }

        public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
            _files.FindAsync(uri, cancellation);

        public IAsyncEnumerable<ArtifactInfo> ListAsync(ArtifactUri folder, CancellationToken cancellation) =>
            _files.ListAsync(folder, cancellation);

        public Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation)
        {
            WeightBytesRead += TextModelFiles.IsWeights(uri.Name)
                ? range.Length ?? new FileInfo(uri.Path).Length : 0;
            return _files.ReadAsync(uri, range, target, cancellation);
        }

        public Task<ArtifactInfo> WriteAsync(
            ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation) =>
            throw new InvalidOperationException("A view only reads.");

        public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation) =>
            throw new InvalidOperationException("A view only reads.");
    }
}
