"""Series descriptions as parts of file names."""

import pytest

from data.dicom.plain_description import plain_description


@pytest.mark.parametrize(
  "text, plain",
  [
    ("Abdomen  1.0 / B30f", "Abdomen_1_0_B30f"),
    ("../../etc/passwd\0", "etc_passwd"),
    ("Bauch nativ, veno\u0308s", "Bauch_nativ_ven\u00f6s"),
    ("\u8179\u90e8 CT", "\u8179\u90e8_CT"),
    ("\udcff*?", ""),
    ("", ""),
    ("word " * 30, "word_word_word_word_word_word_word_word"),  # 39 bytes
  ],
)
def test_letters_and_digits_stay_and_the_rest_separates(text, plain):
  assert plain_description(text) == plain


def test_words_of_the_patients_name_and_id_are_left_out():
  personal = ("SMITH^John^^Dr.", "0815-4711")
  assert plain_description("CT abd smith, portal", personal) == "CT_abd_portal"
  assert plain_description("JohnSMITH-2 0815 portal x4711y", personal) == "2_portal"
  assert plain_description("drip", ("Dr^X",)) == "drip"  # two letters of a longer word name nobody
