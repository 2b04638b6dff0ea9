using Holdfast.Authority.Moving;

namespace Holdfast.Moving.Tests;

/// <summary>Freezes and large pieces: never both at once, and neither for ever behind the other.</summary>
public sealed class MoveTurnsTests
{
    private static readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;
    private readonly MoveTurns _turns = new(freezesMost: 2, TimeProvider.System, TimeSpan.FromMinutes(1));

    [Fact]
    public async Task Freezes_wait_for_pieces_and_pieces_for_freezes_in_the_order_in_which_they_came()
    {
        var pieces = new[] { await _turns.PieceAsync(_cancellation), await _turns.PieceAsync(_cancellation) };
        var freezes = Enumerable.Range(0, 3).Select(_ => _turns.FreezeAsync(_cancellation)).ToList();
        var late = _turns.PieceAsync(_cancellation);
        pieces[0].Dispose();
        Assert.DoesNotContain(freezes, freeze => freeze.IsCompleted);

        // The last piece is over: two freezes begin, and the piece that came behind them waits for all three.
        pieces[1].Dispose();
        pieces[1].Dispose();
        var first = await freezes[0];
        await freezes[1];
        Assert.False(freezes[2].IsCompleted);
        first.Dispose();
        await freezes[2];
        Assert.False(late.IsCompleted);
        (await freezes[1]).Dispose();
        Assert.False(late.IsCompleted);
        (await freezes[2]).Dispose();
        (await late).Dispose();
    }

    [Fact]
    public async Task A_freeze_that_comes_later_does_not_go_before_a_piece_that_waits()
    {
        var freeze = await _turns.FreezeAsync(_cancellation);
        var piece = _turns.PieceAsync(_cancellation);
        var later = _turns.FreezeAsync(_cancellation);
        Assert.False(later.IsCompleted);
        freeze.Dispose();
        (await piece).Dispose();
        (await later).Dispose();
    }

    [Fact]
    public async Task Who_has_waited_for_long_goes_on_without_a_turn_and_has_none_to_give_back()
    {
        var turns = new MoveTurns(2, TimeProvider.System, TimeSpan.FromMilliseconds(30));
        var piece = await turns.PieceAsync(_cancellation);
        var freeze = await turns.FreezeAsync(_cancellation);
        freeze.Dispose();
        piece.Dispose();
        using var first = await turns.FreezeAsync(_cancellation);
        using var second = await turns.FreezeAsync(_cancellation);
        var third = turns.FreezeAsync(_cancellation);
        first.Dispose();
        (await third).Dispose();
    }

    [Fact]
    public async Task Who_goes_away_keeps_nobody_waiting()
    {
        using var away = new CancellationTokenSource();
        var piece = await _turns.PieceAsync(_cancellation);
        var gone = _turns.FreezeAsync(away.Token);
        var behind = _turns.PieceAsync(_cancellation);
        Assert.False(behind.IsCompleted);
        await away.CancelAsync();
        await Assert.ThrowsAsync<TaskCanceledException>(() => gone);
        (await behind).Dispose();
        piece.Dispose();
        (await _turns.FreezeAsync(_cancellation)).Dispose();
    }
}
