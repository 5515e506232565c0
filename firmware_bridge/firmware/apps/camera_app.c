/* A press of the button, a picture of a written word -> its fragments to the host. */
#include "../boards/services.h"
#include "delivery.h"
#include "ink/segment.h"

#define EXPOSURE_MS 4000 /* a camera that takes longer, set-up included, has failed */

static uint8_t picture[INK_CAMERA_HEIGHT][INK_CAMERA_WIDTH];
static struct ink_segmenter segmenter;

/* Serve the line until the camera has a picture, and fetch it. Return false if the camera has failed. */
static bool take_picture(void)
{
    ink_board_camera_start();
    const uint32_t begin_ms = ink_board_now_ms();
    while (!ink_board_camera_ready()) {
        if (ink_board_now_ms() - begin_ms >= EXPOSURE_MS) {
            return false;
        }
        if (!ink_delivery_serve()) {
            ink_board_idle();
        }
    }
    for (unsigned row = 0; row < INK_CAMERA_HEIGHT; row++) {
        if (!ink_board_camera_line(picture[row], INK_CAMERA_WIDTH)) {
            return false;
        }
        (void)ink_delivery_serve();
    }
    return true;
}

static const char *why_none(int reason)
{
    switch (reason) {
    case INK_SEGMENT_BLANK:
        return "the picture is blank";
    case INK_SEGMENT_DARK:
        return "the picture is too dark";
    case INK_SEGMENT_JOINED:
        return "printed lines or boxes run into the writing";
    case INK_SEGMENT_EDGE:
        return "the writing reaches the edge of the picture";
    case INK_SEGMENT_UNSURE:
        return "too blurred or faint to tell the symbols apart";
    case INK_SEGMENT_OVERFULL:
        return "more ink in the picture than writing has";
    default:
        return "more symbols in the picture than a word may have";
    }
}

static void deliver(void)
{
    static uint8_t pixels[INK_GREY_FRAGMENT_BYTES];
    const int symbols = ink_segment(&segmenter, picture[0], INK_CAMERA_WIDTH, INK_CAMERA_HEIGHT);
    if (symbols <= 0) {
        ink_delivery_fault(INK_FAULT_WORD_ABORTED, why_none(symbols));
        return;
    }
    for (int symbol = 0; symbol < symbols; symbol++) {
        ink_segment_fragment(&segmenter, symbol, pixels);
        ink_delivery_symbol(pixels, NULL);
        (void)ink_delivery_serve();
    }
    ink_delivery_word();
}

int main(void)
{
    bool pressed = false;
    ink_delivery_init(INK_KIND_CAMERA);
    for (;;) {
        const bool was_pressed = pressed;
        pressed = ink_board_camera_pressed();
        if (pressed && !was_pressed) {
            if (take_picture()) {
                deliver();
            } else {
                ink_delivery_fault(INK_FAULT_CAMERA_FAILED, "the camera does not answer");
            }
        }
        if (!ink_delivery_serve() && !pressed) {
            ink_board_idle();
        }
    }
}
