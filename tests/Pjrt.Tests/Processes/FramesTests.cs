using Workflows.TpuWorker.Pjrt.Processes;

namespace Workflows.Pjrt.Tests.Processes;

public sealed class FramesTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(70_000)]
    public async Task ReadAsync_OfAWrittenMessage_GivesIt(int bytes)
    {
        var content = new byte[bytes];
        new Random(3).NextBytes(content);
        using var stream = new MemoryStream();
        await Frames.WriteAsync(stream, FrameKind.Note, content, CancellationToken.None);
        await Frames.WriteAsync(stream, FrameKind.Answer, content, CancellationToken.None);
        stream.Position = 0;

        Assert.Equal((FrameKind.Note, content), await Frames.ReadAsync(stream, CancellationToken.None));
        Assert.Equal((FrameKind.Answer, content), await Frames.ReadAsync(stream, CancellationToken.None));
        Assert.Null(await Frames.ReadAsync(stream, CancellationToken.None));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(7)]
    public async Task ReadAsync_OfACutMessage_IsTheEnd(int left)
    {
        using var stream = new MemoryStream();
        await Frames.WriteAsync(stream, FrameKind.Answer, new byte[3], CancellationToken.None);
        stream.SetLength(left);
        stream.Position = 0;

        Assert.Null(await Frames.ReadAsync(stream, CancellationToken.None));
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 0, 2 })]
    [InlineData(new byte[] { 255, 255, 255, 255, 2 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 9 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 72, 101, 108, 108, 111 })]
    public async Task ReadAsync_OfRubbish_IsRefused(byte[] bytes)
    {
        using var stream = new MemoryStream(bytes);

        await Assert.ThrowsAsync<InvalidDataException>(() => Frames.ReadAsync(stream, CancellationToken.None));
    }
}
